import { readFile } from 'node:fs/promises';
import type { Admin, AdminDeps } from '../admin/admin.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** An admin API that listens. */
interface ServedAdmin {
  readonly admin: Admin;
  /** Where, in words. */
  readonly places: string;
}

/** Why it does not. */
interface Unserved {
  /** Another Portolan serves the state folder. */
  readonly isTaken: boolean;
  /** What is wrong, and what to do about it. */
  readonly detail: string;
}

/**
 * Makes the admin API and lets it listen. Its libraries are loaded here: they are a third of what Portolan loads, and nobody's
 * requests wait for them.
 */
export async function serveAdmin(deps: AdminDeps): Promise<Result<ServedAdmin, Unserved>> {
  const { createAdmin } = await import('../admin/admin.ts');
  const admin = createAdmin(deps);
  const started = await admin.start();
  if (started.ok) {
    const { url, socket } = started.value;
    return ok({ admin, places: url === undefined ? socket : `${url} (reads) and ${socket}` });
  }
  const { kind, place, detail } = started.failure;
  const isTaken = kind === 'socket-in-use';
  const hint = isTaken
    ? 'stop it, or give this one its own folder with --state-dir'
    : place.startsWith('/')
      ? 'choose another folder with --state-dir'
      : 'choose another address with --admin-bind, for example: --admin-bind 127.0.0.1:9093';
  return fail({ isTaken, detail: `the admin API cannot listen on ${place}: ${detail}; ${hint}` });
}

/** Why the file of the admin token cannot be used; it is read again with every request. */
export async function unusableToken(file: string): Promise<string | undefined> {
  try {
    const token = await readFile(file, 'utf8');
    return token.trim() === '' ? `--admin-token-file ${file} is empty and cannot be used` : undefined;
  } catch (error) {
    return `--admin-token-file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
