import type { Generation } from '../core/config.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { ask, type CliFailure } from './cli-connection.ts';

/** What a worker said about itself. */
export interface WorkerAnswer {
  readonly pid: number;
  readonly version: string;
  /** Absent where the configuration it runs is not one of ours. */
  readonly generation?: Generation;
  /** It was told to end and only finishes its connections. */
  readonly stopping: boolean;
}

/**
 * Asks whichever worker accepts on the runtime socket who it is. One line, so that both answers are of one worker:
 * during a reload old and new one accept on the same socket for a moment.
 */
export async function probeWorker(
  runtimeSocket: string,
  deadlineMs: number,
): Promise<Result<WorkerAnswer, CliFailure>> {
  const answer = await ask(runtimeSocket, 'show env PORTOLAN_GENERATION;show info', deadlineMs);
  if (!answer.ok) return answer;
  const pid = Number(/^Pid:\s*(\d+)/m.exec(answer.value)?.[1]);
  const version = /^Version:\s*(\S+)/m.exec(answer.value)?.[1];
  if (!Number.isInteger(pid) || version === undefined)
    return fail({ kind: 'socket', detail: `${runtimeSocket} does not answer as a HAProxy worker does` });
  const generation = Number(/^PORTOLAN_GENERATION=(\d+)\s*$/m.exec(answer.value)?.[1] ?? 0);
  const stopping = /^Stopping:\s*1/m.test(answer.value);
  return ok({ pid, version, stopping, ...(generation > 0 ? { generation: generation as Generation } : {}) });
}
