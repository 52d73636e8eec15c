import { createConnection } from 'node:net';
import { fail, ok, type Result } from '../core/result.ts';

/** Why a command got no answer. `refused`: nobody listens, also when the socket file does not exist. */
export interface CliFailure {
  readonly kind: 'refused' | 'timeout' | 'socket' | 'too-large';
  readonly detail: string;
}

/** Characters of an answer that are read at most: 30,000 servers' state is 3.2 MB. */
const LARGEST_ANSWER = 64 * 1024 * 1024;

/**
 * Sends one line to a command socket of HAProxy on a connection of its own and reads its answer to the end.
 *
 * A connection of its own, because one that is kept stays with the worker that accepted it: after a reload it would
 * show and change a worker that no longer serves. Commands of one line are separated by `;`.
 * @param deadlineMs from the first byte sent to the last one read
 */
export function ask(socketPath: string, line: string, deadlineMs: number): Promise<Result<string, CliFailure>> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection({ path: socketPath });
    const timer = setTimeout(() => finish(fail(failure('timeout', `no answer within ${deadlineMs} ms`))), deadlineMs);
    const failure = (kind: CliFailure['kind'], what: string): CliFailure => ({
      kind,
      detail: `${line.split(';', 1)[0]} on ${socketPath}: ${what}`,
    });
    const finish = (result: Result<string, CliFailure>): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    // Our half is closed behind the line: the master (2.6) would wait for another one and keep its answer open.
    socket.on('connect', () => socket.end(`${line}\n`));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer.length > LARGEST_ANSWER) finish(fail(failure('too-large', `more than ${LARGEST_ANSWER} characters`)));
    });
    socket.on('end', () => finish(ok(answer)));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      // A master that executes itself anew drops its connections: what it had to say was said (2.6 says nothing).
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        finish(answer !== '' ? ok(answer) : fail(failure('socket', error.message)));
      else finish(fail(failure(nobody ? 'refused' : 'socket', error.message)));
    });
  });
}
