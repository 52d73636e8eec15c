import type { Clock } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { ask, type CliFailure } from './cli-connection.ts';

/** What the master says about its processes. */
export interface ProcessTable {
  readonly masterPid: number;
  /** Reloads tried since it was started, also failed ones. */
  readonly reloads: number;
  /** Above 0 while the last reload has failed. 2.6 counts failures in a row, 3.2 stays at 1. */
  readonly failed: number;
  /** The worker in charge. */
  readonly workerPid?: number;
  /** Workers that finish the connections of former configurations. */
  readonly oldWorkers: readonly number[];
}

/** Asks the master for its processes. A socket that answers anything else belongs to no master. */
export async function showProcesses(
  masterSocket: string,
  deadlineMs: number,
): Promise<Result<ProcessTable, CliFailure>> {
  const answer = await ask(masterSocket, 'show proc', deadlineMs);
  if (!answer.ok) return answer;
  const table = parseProcesses(answer.value);
  return table
    ? ok(table)
    : fail({ kind: 'socket', detail: `${masterSocket} does not answer as a HAProxy master does` });
}

/** Reads `show proc`; `undefined` when it has no master. */
export function parseProcesses(text: string): ProcessTable | undefined {
  const workers: number[] = [];
  const old: { pid: number; reloads: number }[] = [];
  let master: Pick<ProcessTable, 'masterPid' | 'reloads' | 'failed'> | undefined;
  let section = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) section = line.slice(2).trim();
    const row = /^(\d+)\s+(\S+)\s+(\d+)(?:\s+\[failed:\s*(\d+)\])?/.exec(line);
    if (!row) continue;
    const [pid, reloads] = [Number(row[1]), Number(row[3])];
    if (row[2] === 'master') master = { masterPid: pid, reloads, failed: Number(row[4] ?? 0) };
    if (row[2] === 'worker' && section === 'old workers') old.push({ pid, reloads });
    else if (row[2] === 'worker') workers.push(pid);
  }
  if (!master) return undefined;
  old.sort((a, b) => a.reloads - b.reloads);
  // From 3.1 on the worker that survived a failed reload stands below `# old workers`, and nobody above.
  const workerPid = workers[0] ?? old.shift()?.pid;
  return { ...master, ...(workerPid === undefined ? {} : { workerPid }), oldWorkers: old.map(({ pid }) => pid) };
}

/** What the master answered to `reload`: nothing at all before 2.7. */
export type ReloadAnswer =
  | { readonly said: 'nothing' }
  | { readonly said: 'success' | 'failure'; readonly log: string };

/**
 * Sends `reload`. A master that is executing itself anew refuses connections for a moment, so that is tried again
 * for `refusedMs`. The answer is a hint: what counts is the generation that a worker runs.
 */
export async function sendReload(
  masterSocket: string,
  clock: Clock,
  limits: { readonly deadlineMs: number; readonly refusedMs: number; readonly pollMs: number },
  signal: AbortSignal,
): Promise<Result<ReloadAnswer, CliFailure>> {
  const until = clock.now() + limits.refusedMs;
  for (;;) {
    const answer = await ask(masterSocket, 'reload', limits.deadlineMs);
    if (answer.ok) return ok(parseReloadAnswer(answer.value));
    if (answer.failure.kind !== 'refused' || clock.now() >= until || signal.aborted) {
      // Reset while it executed itself: as good as the empty answer.
      return answer.failure.kind === 'socket' ? ok({ said: 'nothing' }) : answer;
    }
    await clock.sleep(limits.pollMs, signal);
  }
}

function parseReloadAnswer(text: string): ReloadAnswer {
  const verdict = /^Success=([01])\s*$/m.exec(text);
  if (!verdict) return { said: 'nothing' };
  return { said: verdict[1] === '1' ? 'success' : 'failure', log: text.slice(verdict.index + verdict[0].length) };
}
