import { setImmediate } from 'node:timers/promises';
import type { ObservedDynamic } from '../core/runtime.ts';
import { nameDigest, readGuid } from './backend-guid.ts';
import { type BackendCommand, backendLine } from './runtime-lines.ts';
import { eachLine } from './runtime-replies.ts';
import { type Sent, sendTasks } from './runtime-tasks.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** Makes, opens, closes and deletes backends (3.4 and newer). `tolerated` are those that something is still attached to. */
export function changeBackends(worker: RuntimeWorker, commands: readonly BackendCommand[]): Promise<Sent> {
  return sendTasks(
    worker,
    commands.map((command) => ({
      command,
      lines: [backendLine(command)],
      ...(command.do === 'delete-backend' ? { tolerate: 'attached' as const } : {}),
    })),
  );
}

/** What tells of dynamic backends: every GUID, and the status of every backend. */
export const DYNAMIC_QUESTION: readonly string[] = ['dump stats-file', 'show stat -1 2 -1'];

/**
 * Reads the answers to `DYNAMIC_QUESTION`; `backends` are the names of all that are there. Undefined where they are none. Gives the
 * event loop its turn after every 1,000 backends.
 */
export async function parseDynamic(
  [dump = '', stat = '']: readonly string[],
  backends: Iterable<string>,
): Promise<ObservedDynamic | undefined> {
  const profiles = await guidsIn(dump);
  const unpublished = await unpublishedIn(stat);
  if (profiles === undefined || unpublished === undefined) return undefined;
  const made = new Map<string, string>();
  // Of most workers the socket has made nothing, and digests of 10,000 names take 20 ms.
  if (profiles.size === 0) return { made, unpublished };
  let looked = 0;
  for (const name of backends) {
    const profile = profiles.get(nameDigest(name));
    if (profile !== undefined) made.set(name, profile);
    looked += 1;
    if (looked % SLICE === 0) await setImmediate();
  }
  return { made, unpublished };
}

/** Digests, or lines, that are read in less than 2 ms. */
const SLICE = 1_000;

/** Names of profiles by the digests of backends' names. */
async function guidsIn(dump: string): Promise<ReadonlyMap<string, string> | undefined> {
  const from = dump.indexOf('#be guid,');
  if (from < 0) return undefined;
  const profiles = new Map<string, string>();
  const until = dump.indexOf('\n#', from);
  await eachLine(until < 0 ? dump : dump.slice(0, until), dump.indexOf('\n', from) + 1, SLICE, (row) => {
    const end = row.indexOf(',');
    if (end <= 0) return;
    const { digest, profile } = readGuid(row.slice(0, end));
    profiles.set(digest, profile);
  });
  return profiles;
}

async function unpublishedIn(stat: string): Promise<ReadonlySet<string> | undefined> {
  const from = stat.indexOf('# pxname,');
  const end = stat.indexOf('\n', from);
  const statusAt = stat.slice(Math.max(0, from), end).split(',').indexOf('status');
  if (from < 0 || end < 0 || statusAt < 0) return undefined;
  const names = new Set<string>();
  await eachLine(stat, end + 1, SLICE, (row) => {
    const fields = row.split(',', statusAt + 1);
    if (fields[0] !== undefined && fields[statusAt]?.endsWith('(UNPUB)') === true) names.add(fields[0]);
  });
  return names;
}
