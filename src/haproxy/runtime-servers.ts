import { ok, type Result } from '../core/result.ts';
import type { LeftPlace, RuntimeCommand } from '../core/runtime.ts';
import {
  addServerLine,
  admitLines,
  cookieKeyLine,
  deleteBackendLine,
  deleteServerLine,
  type RuntimeLine,
  retireLine,
  reviveLines,
  stateLine,
} from './runtime-lines.ts';
import { judgeReply } from './runtime-replies.ts';
import type { SocketLine } from './runtime-socket.ts';
import { type Sent, sendTasks, type Task } from './runtime-tasks.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** Commands that bring servers in. */
export type LetIn = Extract<RuntimeCommand, { do: 'add-server' | 'revive-server' | 'set-admission' }>;
/** Commands that take servers out. */
export type TakeOut = Extract<RuntimeCommand, { do: 'remove-server' | 'set-admission' }>;

/**
 * Servers are added first, all in maintenance, and then let in: one that is there already gets its address, and one of a sticky
 * backend its cookie, before it gets requests. Those before one that was refused are let in all the same.
 */
export async function letIn(
  worker: RuntimeWorker,
  commands: readonly LetIn[],
  behind: readonly SocketLine[],
): Promise<Sent> {
  const additions = commands.filter((command) => command.do === 'add-server');
  const added = await sendTasks(
    worker,
    additions.map((command) => ({
      command,
      lines: [addServerLine(worker.tier, command.backend, command.server)],
      tolerate: 'exists',
    })),
  );
  if (added.failure?.why.is === 'doubt') return added;
  const replaced = await replaceLeftovers(
    worker,
    additions.filter((command) => added.tolerated.has(command)),
  );
  if (replaced.failure) return replaced;
  const baked = await sendTasks(worker, cookieTasks(worker, additions));
  if (baked.failure) return baked;
  const all: readonly RuntimeCommand[] = commands;
  const until = added.failure ? all.indexOf(added.failure.command) : all.length;
  const admitted = await sendTasks(
    worker,
    commands
      .slice(0, until)
      .map((command) => ({ command, lines: admissionOf(command, replaced.tolerated.has(command)) })),
    behind,
  );
  return admitted.failure ? admitted : { ...admitted, ...added };
}

/** From 3.0 on the cookie is a word of `add server`. */
function cookieTasks({ tier }: RuntimeWorker, additions: readonly Extract<LetIn, { do: 'add-server' }>[]): Task[] {
  if (tier !== 'C') return [];
  const firsts = new Map(
    additions.filter(({ server }) => server.cookie !== undefined).map((command) => [command.backend, command]),
  );
  return [...firsts].map(([backend, command]) => ({ command, lines: [cookieKeyLine(backend)] }));
}

function admissionOf(command: LetIn, isTombstone: boolean): readonly RuntimeLine[] {
  if (command.do === 'set-admission') return [stateLine(command.backend, command.server, command.admission)];
  return command.do === 'revive-server' || isTombstone
    ? reviveLines(command.backend, command.server)
    : admitLines(command.backend, command.server);
}

/**
 * Where servers may be deleted, one that is left over makes room for one with the words of today. `tolerated` are those
 * that stay as they are: a tombstone's words cannot be changed.
 */
async function replaceLeftovers(
  worker: RuntimeWorker,
  leftovers: readonly Extract<RuntimeCommand, { do: 'add-server' }>[],
): Promise<Sent> {
  if (worker.tier === 'C') return { tolerated: new Set(leftovers) };
  return sendTasks(
    worker,
    leftovers.map((command) => ({
      command,
      lines: [
        { ...deleteServerLine(command.backend, command.server.name), expect: 'any' },
        addServerLine(worker.tier, command.backend, command.server),
      ],
      tolerate: 'exists',
    })),
  );
}

/**
 * Into maintenance, and out of the worker where its version can do that and nothing is attached to the server.
 * `tolerated` are those that something is attached to.
 */
export function takeOut(
  worker: RuntimeWorker,
  commands: readonly TakeOut[],
  behind: readonly SocketLine[],
): Promise<Sent> {
  return sendTasks(
    worker,
    commands.map((command): Task => {
      const { backend, server } = command;
      if (command.do === 'set-admission') return { command, lines: [stateLine(backend, server, command.admission)] };
      // 2.6 can crash after `del server`: there it stays, in maintenance, until the next reload.
      if (worker.tier === 'C') return { command, lines: [retireLine(backend, server)] };
      const lines = [retireLine(backend, server), deleteServerLine(backend, server)];
      return { command, lines, tolerate: 'attached' };
    }),
    behind,
  );
}

/**
 * Tries again to delete servers and then backends; gives those that something is still attached to. One that was let in again is
 * none of them.
 */
export async function deleteLeft(
  worker: RuntimeWorker,
  left: readonly LeftPlace[],
): Promise<Result<readonly LeftPlace[], string>> {
  if (worker.tier === 'C') return ok([]);
  const inOrder = left.toSorted((a, b) => Number(a.server === undefined) - Number(b.server === undefined));
  const lines = inOrder.map(({ backend, server }) =>
    server === undefined ? deleteBackendLine(backend) : deleteServerLine(backend, server),
  );
  const replies = await worker.ask(lines);
  if (!replies.ok) return replies;
  const verdicts = lines.map((line, at) => judgeReply(line, replies.value[at] ?? ''));
  return ok(inOrder.filter((_, at) => verdicts[at] === 'attached'));
}
