import type { Generation } from '../core/config.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { ask, type CliFailure } from './cli-connection.ts';
import { showProcesses } from './master.ts';

/** What a worker said about itself. */
export interface WorkerAnswer {
  readonly pid: number;
  readonly version: string;
  /** Absent where the configuration it runs is not one of ours. */
  readonly generation?: Generation;
  /** It was told to end and only finishes its connections. */
  readonly stopping: boolean;
}

/** Where a worker can be asked. */
export interface WorkerSockets {
  readonly runtimeSocket: string;
  readonly masterSocket: string;
}

const WHO = ['show env PORTOLAN_GENERATION', 'show info'] as const;

/**
 * Asks whichever worker accepts on the runtime socket who it is. One line, so that both answers are of one worker:
 * during a reload old and new one accept on the same socket for a moment.
 */
export async function probeWorker(
  runtimeSocket: string,
  deadlineMs: number,
): Promise<Result<WorkerAnswer, CliFailure>> {
  const answer = await ask(runtimeSocket, WHO.join(';'), deadlineMs);
  return answer.ok ? parseWorker(answer.value, runtimeSocket) : answer;
}

/**
 * Asks one worker by its pid through its master. From 3.1 on a worker that survived two failed reloads has lost the
 * path of its runtime socket (a worker that never served had bound it again), and this is the only way left.
 */
export async function probeThroughMaster(
  masterSocket: string,
  workerPid: number,
  deadlineMs: number,
): Promise<Result<WorkerAnswer, CliFailure>> {
  const answers: string[] = [];
  for (const command of WHO) {
    const answer = await ask(masterSocket, `@!${workerPid} ${command}`, deadlineMs);
    if (!answer.ok) return answer;
    answers.push(answer.value);
  }
  return parseWorker(answers.join('\n'), masterSocket);
}

/** Puts a longer question to the worker in charge: on its socket, or through its master where that refuses. */
export async function askWorker(
  sockets: WorkerSockets,
  command: string,
  deadlineMs: number,
): Promise<Result<string, CliFailure>> {
  const answer = await ask(sockets.runtimeSocket, command, deadlineMs);
  if (answer.ok || answer.failure.kind !== 'refused') return answer;
  const table = await showProcesses(sockets.masterSocket, deadlineMs);
  if (!table.ok || table.value.workerPid === undefined) return answer;
  return ask(sockets.masterSocket, `@!${table.value.workerPid} ${command}`, deadlineMs);
}

function parseWorker(text: string, socket: string): Result<WorkerAnswer, CliFailure> {
  const pid = Number(/^Pid:\s*(\d+)/m.exec(text)?.[1]);
  const version = /^Version:\s*(\S+)/m.exec(text)?.[1];
  if (!Number.isInteger(pid) || version === undefined)
    return fail({ kind: 'socket', detail: `${socket} does not answer as a HAProxy worker does` });
  const generation = Number(/^PORTOLAN_GENERATION=(\d+)\s*$/m.exec(text)?.[1] ?? 0);
  const stopping = /^Stopping:\s*1/m.test(text);
  return ok({ pid, version, stopping, ...(generation > 0 ? { generation: generation as Generation } : {}) });
}
