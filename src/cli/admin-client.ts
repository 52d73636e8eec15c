import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { fail, ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';
import { type CliFailure, EXIT } from './deps.ts';

/** What a running daemon answered. */
export interface AdminReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Asks a running daemon; the query leaves out what is undefined. */
export type AskAdmin = (
  path: string,
  query?: Readonly<Record<string, string | undefined>>,
  how?: { readonly timeoutMs?: number; readonly method?: 'GET' | 'POST' },
) => Promise<Result<AdminReply, CliFailure>>;

/**
 * The daemon of a state folder by its UNIX socket, or any by `--admin URL`, then with the token of `--admin-token-file`.
 * Errors: exit 2 for a URL that is none, exit 3 for an unreadable token file, exit 1 when nobody answers.
 */
export function createAdminClient(
  settings: Pick<Settings, 'stateDir' | 'adminTokenFile'>,
  url: string | undefined,
): AskAdmin {
  const socket = join(settings.stateDir, 'admin.sock');
  const base = url ?? 'http://localhost';
  return async (path, query = {}, { timeoutMs = 10_000, method = 'GET' } = {}) => {
    if (!/^https?:\/\//i.test(base) || !URL.canParse(base)) {
      return usage(`--admin "${base}": expected a URL, for example: --admin http://127.0.0.1:9092`);
    }
    const target = new URL(path, base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.set(name, value);
    const token = url === undefined ? ok(undefined) : await readToken(settings.adminTokenFile);
    if (!token.ok) return token;
    const agent = new Agent({ connect: { timeout: 3000, ...(url === undefined ? { socketPath: socket } : {}) } });
    try {
      const reply = await request(target, {
        dispatcher: agent,
        method,
        headers: token.value === undefined ? {} : { authorization: `Bearer ${token.value}` },
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      return ok({ status: reply.statusCode, headers: reply.headers, text: await reply.body.text() });
    } catch (error) {
      return fail({ exitCode: EXIT.failed, messages: [unreachable(error, url, socket)] });
    } finally {
      await agent.close();
    }
  };
}

async function readToken(file: string | undefined): Promise<Result<string | undefined, CliFailure>> {
  if (file === undefined) return ok(undefined);
  try {
    return ok((await readFile(file, 'utf8')).trim());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail({ exitCode: EXIT.unreadable, messages: [`--admin-token-file ${file}: cannot be read (${why})`] });
  }
}

function unreachable(error: unknown, url: string | undefined, socket: string): string {
  const why = error instanceof Error ? error.message : String(error);
  if (url !== undefined) return `no Portolan answers at ${url} (${why})`;
  const refused = error instanceof Error && 'code' in error && error.code === 'EACCES';
  if (refused) return `${socket} may be opened by its owner only (${why}); run as that user, or use --admin URL`;
  return `no Portolan answers on ${socket} (${why}); start one with: portolan run --marathon URL --group NAME, or name its folder with --state-dir`;
}

function usage(message: string): Result<never, CliFailure> {
  return fail({ exitCode: EXIT.usage, messages: [message] });
}

/** The failure that a JSON error of the API stands for. */
export function replyFailure(reply: AdminReply): CliFailure {
  const body = parseObject(reply.text);
  const message = typeof body['message'] === 'string' ? body['message'] : reply.text.slice(0, 200);
  const hint = reply.status === 401 ? '; name the token with --admin-token-file' : '';
  return {
    exitCode: reply.status === 400 ? EXIT.usage : EXIT.failed,
    messages: [`${message}${hint} (${reply.status})`],
  };
}

/** A JSON object, or an empty one when the text is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
