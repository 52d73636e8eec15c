import type { Generation } from '../core/config.ts';
import type { Clock } from '../core/ports.ts';
import type {
  HaproxyRuntime,
  LeftPlace,
  ObservedRuntime,
  RuntimeCommand,
  RuntimeQuestion,
  RuntimeResult,
  Tier,
} from '../core/runtime.ts';
import { DYNAMIC_QUESTION, parseDynamic } from './runtime-backends.ts';
import { carryOut } from './runtime-batch.ts';
import { readCertificates, tellCertificate } from './runtime-certificates.ts';
import { lines, phrase } from './runtime-question.ts';
import { deleteLeft } from './runtime-servers.ts';
import type { SocketLine } from './runtime-socket.ts';
import { createRuntimeLink, stillServes, WHO } from './runtime-worker.ts';
import { createSingleFlight } from './single-flight.ts';

/** What the runtime lane is given. */
export interface RuntimeParts {
  /** Path of the workers' command socket, level admin. */
  readonly socket: string;
  readonly clock: Clock;
  /** Milliseconds for the reply to each line; 5 s by default. */
  readonly deadlineMs?: number;
}

/** The runtime lane over the worker's socket. It connects when it is first used; what is asked of it is done in turn. */
export function createRuntime(parts: RuntimeParts): HaproxyRuntime {
  const { clock } = parts;
  const link = createRuntimeLink(parts.socket, parts.deadlineMs ?? 5_000, clock);
  const inTurn = createSingleFlight();

  /** No question of its own where commands can be sent: whoever sends some proves first who listens. That none can may be over. */
  async function tier(): Promise<Tier> {
    const known = link.tier();
    if (known !== undefined && known !== 'D') return known;
    const worker = await link.bind();
    return worker.ok ? worker.value.tier : 'D';
  }

  async function run(
    generation: Generation,
    commands: readonly RuntimeCommand[],
    question?: RuntimeQuestion,
  ): Promise<RuntimeResult> {
    const began = clock.now();
    const worker = await link.bind(generation);
    if (!worker.ok) return { kind: 'doubt', detail: worker.failure };
    if (worker.value.tier === 'D') return { kind: 'doubt', detail: 'the worker takes no commands on its socket' };
    const phrased = question === undefined ? undefined : phrase(question);
    const done = await carryOut(worker.value, commands, phrased === undefined ? [] : [WHO, ...phrased.lines]);
    if (done.ok) {
      const { left, said } = done.value;
      const [info = '', ...replies] = said ?? [];
      const seen = phrased && stillServes(worker.value, info) ? await phrased.hear(worker.value, replies) : undefined;
      return { kind: 'done', ms: clock.now() - began, left, ...(seen && { observed: { generation, ...seen } }) };
    }
    const { command, why } = done.failure;
    return why.is === 'refused'
      ? { kind: 'refused', command, reply: why.reply }
      : { kind: 'doubt', detail: why.detail };
  }

  async function read(generation: Generation, question: RuntimeQuestion): Promise<ObservedRuntime | undefined> {
    const phrased = phrase(question);
    const asked = await ask(generation, question, phrased.lines);
    if (asked === undefined) return undefined;
    const { worker, replies, dynamic } = asked;
    const seen = await phrased.hear(worker, replies);
    if (seen === undefined) return undefined;
    const made = dynamic === undefined ? undefined : await parseDynamic(dynamic, seen.backends.keys());
    // What the socket has made must be known before anything is concluded from what else is there.
    if (dynamic !== undefined && made === undefined) return undefined;
    return { generation, ...seen, ...(made === undefined ? {} : { dynamic: made }) };
  }

  /** One exchange, unless who answers decides what can be asked. */
  async function ask(generation: Generation, { backends, dynamic }: RuntimeQuestion, said: readonly SocketLine[]) {
    if (backends !== 'all' && dynamic !== true) {
      const inquiry = await link.inquire(said, generation);
      return inquiry.ok ? { ...inquiry.value, dynamic: undefined } : undefined;
    }
    // Whoever reads everything concludes nothing from what another worker was told.
    const worker = await link.bind(generation, backends === 'all');
    if (!worker.ok) return undefined;
    const more = dynamic === true && worker.value.tier === 'A' ? DYNAMIC_QUESTION : [];
    const replies = await worker.value.ask([...said, ...more.map(lines)]);
    if (!replies.ok) return undefined;
    return {
      worker: worker.value,
      replies: replies.value.slice(0, said.length),
      dynamic: more.length === 0 ? undefined : replies.value.slice(said.length),
    };
  }

  async function sweep(generation: Generation, left: readonly LeftPlace[]): Promise<readonly LeftPlace[]> {
    if (left.length === 0) return left;
    const worker = await link.bind(generation);
    if (!worker.ok) return left;
    const still = await deleteLeft(worker.value, left);
    return still.ok ? still.value : left;
  }

  return {
    tier: () => inTurn(tier),
    run: (...given) => inTurn(() => run(...given)),
    read: (generation, question) => inTurn(() => read(generation, question)),
    sweep: (generation, left) => inTurn(() => sweep(generation, left)),
    certificates: {
      tell: (generation, command) =>
        inTurn(async () => {
          const worker = await link.bind(generation);
          return worker.ok ? tellCertificate(worker.value, command) : { kind: 'doubt', detail: worker.failure };
        }),
      read: (generation, question) =>
        inTurn(async () => {
          const worker = await link.bind(generation);
          return worker.ok ? readCertificates(worker.value, question) : undefined;
        }),
    },
    close: () => link.close(),
  };
}
