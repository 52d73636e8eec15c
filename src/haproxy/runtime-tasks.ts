import { fail, ok, type Result } from '../core/result.ts';
import type { RuntimeCommand } from '../core/runtime.ts';
import type { RuntimeLine } from './runtime-lines.ts';
import { judgeReply, type Verdict } from './runtime-replies.ts';
import type { SocketLine } from './runtime-socket.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** Why something was not carried out: HAProxy (or what it showed) said no, or nothing is known. */
export type Unfinished =
  | { readonly is: 'refused'; readonly reply: string }
  | { readonly is: 'doubt'; readonly detail: string };

/** A command with the lines that carry it out. */
export interface Task {
  readonly command: RuntimeCommand;
  readonly lines: readonly RuntimeLine[];
  /** A verdict that will do as well as `expected`. */
  readonly tolerate?: Verdict;
}

/** Where a batch ended before its end. */
export interface BatchFailure {
  readonly command: RuntimeCommand;
  readonly why: Unfinished;
}

/** How tasks that were sent together ended. */
export interface Sent {
  /** Commands one of whose replies had to be tolerated. */
  readonly tolerated: ReadonlySet<RuntimeCommand>;
  /** The first command that failed. Lines of those behind it were sent, and their replies not looked at. */
  readonly failure?: BatchFailure;
  /** Replies to what was sent behind the tasks, where it was. */
  readonly said?: readonly string[];
}

/** Sends all lines of the tasks, and `behind` them others that change nothing, and judges the tasks' replies in order. */
export async function sendTasks(
  worker: RuntimeWorker,
  tasks: readonly Task[],
  behind: readonly SocketLine[] = [],
): Promise<Sent> {
  const tolerated = new Set<RuntimeCommand>();
  const lines = tasks.flatMap((task) => task.lines);
  const first = tasks[0];
  if (first === undefined || lines.length === 0) return { tolerated };
  const replies = await worker.ask([...lines, ...behind]);
  if (!replies.ok)
    return { tolerated, failure: { command: first.command, why: { is: 'doubt', detail: replies.failure } } };
  let at = 0;
  for (const { command, lines: own, tolerate } of tasks) {
    for (const line of own) {
      const reply = replies.value[at] ?? '';
      at += 1;
      const verdict = judgeReply(line, reply);
      if (verdict === 'expected') continue;
      if (verdict !== tolerate) return { tolerated, failure: { command, why: whyNot(worker, line, reply, verdict) } };
      tolerated.add(command);
    }
  }
  return behind.length === 0 ? { tolerated } : { tolerated, said: replies.value.slice(lines.length) };
}

/** Sends lines and gives their replies when each is the expected one. */
export async function askExpecting(
  worker: RuntimeWorker,
  lines: readonly RuntimeLine[],
): Promise<Result<readonly string[], Unfinished>> {
  if (lines.length === 0) return ok([]);
  const replies = await worker.ask(lines);
  if (!replies.ok) return fail({ is: 'doubt', detail: replies.failure });
  for (const [at, line] of lines.entries()) {
    const reply = replies.value[at] ?? '';
    const verdict = judgeReply(line, reply);
    if (verdict !== 'expected') return fail(whyNot(worker, line, reply, verdict));
  }
  return replies;
}

function whyNot(worker: RuntimeWorker, { text }: RuntimeLine, reply: string, verdict: Verdict): Unfinished {
  if (verdict !== 'astray') return { is: 'refused', reply };
  return { is: 'doubt', detail: worker.distrust(`${text.slice(0, 100)}: ${reply.slice(0, 100)}`) };
}
