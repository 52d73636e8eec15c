import type { ObservedDynamic } from '../core/runtime.ts';
import { nameDigest, readGuid } from './backend-guid.ts';
import { type BackendCommand, backendLine } from './runtime-lines.ts';
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

/** Reads the answers to `DYNAMIC_QUESTION`; `backends` are the names of all that are there. Undefined where they are none. */
export function parseDynamic(
  [dump = '', stat = '']: readonly string[],
  backends: Iterable<string>,
): ObservedDynamic | undefined {
  const profiles = guidsIn(dump);
  const unpublished = unpublishedIn(stat);
  if (profiles === undefined || unpublished === undefined) return undefined;
  const made = new Map<string, string>();
  // Of most workers the socket has made nothing, and digests of 10,000 names take 20 ms.
  for (const name of profiles.size === 0 ? [] : backends) {
    const profile = profiles.get(nameDigest(name));
    if (profile !== undefined) made.set(name, profile);
  }
  return { made, unpublished };
}

/** Names of profiles by the digests of backends' names. */
function guidsIn(dump: string): ReadonlyMap<string, string> | undefined {
  const from = dump.indexOf('#be guid,');
  if (from < 0) return undefined;
  const profiles = new Map<string, string>();
  for (const row of dump.slice(from).split('\n').slice(1)) {
    if (row.startsWith('#')) break;
    if (row === '') continue;
    const { digest, profile } = readGuid(row.slice(0, row.indexOf(',')));
    profiles.set(digest, profile);
  }
  return profiles;
}

function unpublishedIn(stat: string): ReadonlySet<string> | undefined {
  const [head = '', ...rows] = stat.slice(stat.indexOf('# pxname,')).split('\n');
  const statusAt = head.split(',').indexOf('status');
  if (statusAt < 0) return undefined;
  const names = rows.flatMap((row) => {
    const fields = row.split(',', statusAt + 1);
    return fields[statusAt]?.endsWith('(UNPUB)') === true ? [fields[0] ?? ''] : [];
  });
  return new Set(names);
}
