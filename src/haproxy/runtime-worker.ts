import { statSync } from 'node:fs';
import type { Instant } from '../core/app.ts';
import type { Generation } from '../core/config.ts';
import type { Clock } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Tier } from '../core/runtime.ts';
import { generationIn, tierOf, workerIn } from './runtime-replies.ts';
import type { SocketLine } from './runtime-socket.ts';
import { openRuntimeSocket, type RuntimeSocket } from './runtime-socket.ts';

/** A worker that has just proved who it is. */
export interface RuntimeWorker {
  readonly generation: Generation;
  readonly pid: number;
  /** Seconds since it was started. */
  readonly uptime: number;
  readonly tier: Tier;
  /**
   * Asks lines of this worker. What is behind them proves that replies and lines were not shifted against each other.
   * A failure closes the connection: nobody knows what was carried out.
   */
  ask(lines: readonly SocketLine[]): Promise<Result<readonly string[], string>>;
  /** Closes the connection after a reply that makes no sense, and says why. */
  distrust(why: string): string;
}

/** A worker, and what it replied. */
export interface Inquiry {
  readonly worker: RuntimeWorker;
  readonly replies: readonly string[];
}

/** The connection to the worker in charge, kept from one batch to the next. */
export interface RuntimeLink {
  /** The tier of the worker that the open connection leads to; undefined: there is none, or nobody was met on it yet. Asks nothing. */
  tier(): Tier | undefined;
  /**
   * Connects where that is needed, and asks who is there. With a generation, it has to be that one, and the worker that was met
   * under it: one that was started in its place knows nothing of what that one was told, until somebody wants to `meet` it. Who was just
   * asked with an `inquire` is not asked again, once.
   */
  bind(generation?: Generation, meet?: boolean): Promise<Result<RuntimeWorker, string>>;
  /**
   * `bind`, and lines of which none changes anything, in one exchange: their replies are those of the worker that was wanted, or there
   * are none.
   */
  inquire(lines: readonly SocketLine[], generation: Generation): Promise<Result<Inquiry, string>>;
  /** Closes the connection; what is under way on it fails. */
  close(): void;
}

/** A connection, the socket file that led to it, and what its worker can do. */
interface Link {
  readonly socket: RuntimeSocket;
  readonly file: string;
  tier?: Tier;
  /** Who answered the last inquiry, until somebody acts on it. */
  proved?: { readonly worker: RuntimeWorker; readonly at: Instant } | undefined;
}

/** Its answer is unlike any other, and the same at any time. */
export const PROOF: SocketLine = { text: 'show env PORTOLAN_GENERATION', payload: false };
/** Its answer is for `stillServes`. */
export const WHO: SocketLine = { text: 'show info', payload: false };
const HELP: SocketLine = { text: 'help', payload: false };
const NO_LINES: readonly SocketLine[] = [];
/**
 * How long an answer says who is there (ms). A connection stays with its worker: only that it was told to end since is not seen, and
 * that shows when what it was told is read back.
 */
const PROVED_MS = 200;
const UNMATCHED = 'the replies do not belong to the lines';

/** A link to whichever worker listens on the socket at `path`; it connects at the first question. */
export function createRuntimeLink(path: string, deadlineMs: number, clock: Pick<Clock, 'now'>): RuntimeLink {
  let kept: Link | undefined;
  let met: Pick<RuntimeWorker, 'generation' | 'pid' | 'uptime'> | undefined;
  // Counts closures, so that a connection that is being made while it happens is not kept.
  let closures = 0;

  function drop(): void {
    kept?.socket.close();
    kept = undefined;
  }

  async function bind(generation?: Generation, meet = false): Promise<Result<RuntimeWorker, string>> {
    const proved = meet ? undefined : justProved(generation);
    if (proved !== undefined) return ok(proved);
    const reached = await reach(NO_LINES, generation);
    if (!reached.ok) return reached;
    return generation === undefined ? ok(reached.value.worker) : knownAs(generation, reached.value.worker, meet);
  }

  async function inquire(lines: readonly SocketLine[], generation: Generation): Promise<Result<Inquiry, string>> {
    const reached = await reach(lines, generation);
    if (!reached.ok) return reached;
    const known = knownAs(generation, reached.value.worker, false);
    if (!known.ok) return known;
    if (kept !== undefined) kept.proved = { worker: known.value, at: clock.now() };
    return reached;
  }

  /** Whoever reads what he is about to change has asked who is there. */
  function justProved(generation: Generation | undefined): RuntimeWorker | undefined {
    const proved = kept?.proved;
    if (kept === undefined || proved === undefined) return undefined;
    kept.proved = undefined;
    const age = clock.now() - proved.at;
    const holds = proved.worker.generation === generation && age >= 0 && age < PROVED_MS && leadsTo(kept, fileAt(path));
    return holds ? proved.worker : undefined;
  }

  function knownAs(generation: Generation, worker: RuntimeWorker, meet: boolean): Result<RuntimeWorker, string> {
    const { pid, uptime } = worker;
    const known = met?.generation === generation && !meet ? met : undefined;
    // A container started again gives its processes the same numbers.
    if (known !== undefined && (known.pid !== pid || uptime < known.uptime)) {
      return fail(`worker ${pid} was started in place of another one`);
    }
    met = { generation, pid, uptime };
    return ok(worker);
  }

  async function reach(
    lines: readonly SocketLine[],
    generation: Generation | undefined,
  ): Promise<Result<Inquiry, string>> {
    const before = closures;
    const found = fileAt(path);
    if (kept && !leadsTo(kept, found)) drop();
    if (!found.ok) return found;
    if (kept) {
      const known = await introduce(kept, generation, lines);
      if (known.ok) return known;
      drop();
    }
    const opened = await openRuntimeSocket(path, deadlineMs);
    if (!opened.ok) return opened;
    if (before !== closures) {
      opened.value.close();
      return fail(`${path}: closed by Portolan`);
    }
    kept = { socket: opened.value, file: found.value };
    return introduce(kept, generation, lines);
  }

  function close(): void {
    closures += 1;
    drop();
  }

  return { tier: () => (kept?.socket.isOpen() === true ? kept.tier : undefined), bind, inquire, close };
}

/** A connection stays with the worker that accepted it, and shows and changes that one also when another one serves. */
const leadsTo = ({ file, socket }: Link, found: Result<string, string>): boolean =>
  found.ok && file === found.value && socket.isOpen();

/**
 * Which file is at the path: another one means that another process listens. A socket is on a disk of this machine, and is asked
 * for with every question: going to another thread and back takes a hundred times as long as the answer.
 */
function fileAt(path: string): Result<string, string> {
  try {
    const { dev, ino, ctimeNs } = statSync(path, { bigint: true });
    return ok(`${dev}:${ino}:${ctimeNs}`);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Whether `WHO` was answered by this worker, and it was not told to end. */
export function stillServes({ pid }: RuntimeWorker, info: string): boolean {
  const now = workerIn(info);
  return now !== undefined && now.pid === pid && !now.stopping;
}

/** Asks who is there, and more, ahead of the answer: nothing is concluded from the rest until it is known who gave it. */
async function introduce(
  link: Link,
  wanted: Generation | undefined,
  lines: readonly SocketLine[],
): Promise<Result<Inquiry, string>> {
  const { socket } = link;
  const who = link.tier === undefined ? [PROOF, WHO, HELP] : [PROOF, WHO];
  const answered = await socket.ask(lines.length === 0 ? who : [...who, ...lines, PROOF]);
  if (!answered.ok) return answered;
  const [env = '', info = '', help = ''] = answered.value;
  const replies = answered.value.slice(who.length, who.length + lines.length);
  const worker = workerIn(info);
  const generation = generationIn(env);
  if (!worker) return fail(distrust(socket, 'the answer is not one of a HAProxy worker'));
  // Told to end by a reload: it would take map rows that nobody looks up any more.
  if (worker.stopping) return fail(distrust(socket, `worker ${worker.pid} is stopping`));
  if (generation === undefined) return fail(`worker ${worker.pid} runs no generation of Portolan`);
  if (wanted !== undefined && generation !== wanted)
    return fail(`another generation: worker ${worker.pid} runs ${generation}, not ${wanted}`);
  if (lines.length > 0 && generationIn(answered.value.at(-1) ?? '') !== generation) {
    return fail(distrust(socket, UNMATCHED));
  }
  link.tier ??= tierOf(worker.version, `\n${help}`);
  const { tier } = link;
  const proved: RuntimeWorker = {
    generation: generation as Generation,
    pid: worker.pid,
    uptime: worker.uptime,
    tier,
    distrust: (why) => distrust(socket, why),
    ask: async (lines) => {
      const replies = await socket.ask([...lines, PROOF]);
      if (!replies.ok) return replies;
      if (generationIn(replies.value.at(-1) ?? '') === generation) return ok(replies.value.slice(0, -1));
      return fail(distrust(socket, UNMATCHED));
    },
  };
  return ok({ worker: proved, replies });
}

function distrust(socket: RuntimeSocket, why: string): string {
  socket.close();
  return why;
}
