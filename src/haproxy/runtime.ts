import type { Generation } from '../core/config.ts';
import type { MapFile } from '../core/maps.ts';
import type { Clock } from '../core/ports.ts';
import type {
  HaproxyRuntime,
  LeftPlace,
  ObservedRuntime,
  ObservedServer,
  RuntimeCommand,
  RuntimeQuestion,
  RuntimeResult,
  Tier,
} from '../core/runtime.ts';
import { DYNAMIC_QUESTION, parseDynamic } from './runtime-backends.ts';
import { carryOut } from './runtime-batch.ts';
import { readCertificates, tellCertificate } from './runtime-certificates.ts';
import { unsayableName } from './runtime-lines.ts';
import {
  generationIn,
  isUnknownBackend,
  isUnknownMap,
  namedBackends,
  parseMap,
  parseRow,
  parseServersState,
} from './runtime-replies.ts';
import { deleteLeft } from './runtime-servers.ts';
import type { SocketLine } from './runtime-socket.ts';
import { createRuntimeLink, PROOF, type RuntimeWorker } from './runtime-worker.ts';
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

  async function run(generation: Generation, commands: readonly RuntimeCommand[]): Promise<RuntimeResult> {
    const began = clock.now();
    const worker = await link.bind(generation);
    if (!worker.ok) return { kind: 'doubt', detail: worker.failure };
    if (worker.value.tier === 'D') return { kind: 'doubt', detail: 'the worker takes no commands on its socket' };
    const done = await carryOut(worker.value, commands);
    if (done.ok) return { kind: 'done', ms: clock.now() - began, left: done.value };
    const { command, why } = done.failure;
    return why.is === 'refused'
      ? { kind: 'refused', command, reply: why.reply }
      : { kind: 'doubt', detail: why.detail };
  }

  async function read(generation: Generation, question: RuntimeQuestion): Promise<ObservedRuntime | undefined> {
    const backends = question.backends === 'all' ? [] : [...new Set(question.backends)];
    // A name that could not be one is of no backend, and would be read as further commands.
    const named = backends.filter((name) => unsayableName(name) === undefined);
    const maps = [...new Set(question.maps)];
    const rows = (question.rows ?? []).filter(({ map, key }) => !maps.includes(map) && !/[\s;\\]/.test(key));
    const whole = question.backends === 'all';
    const state = whole ? ['show backend', 'show servers state'] : named.map((name) => `show servers state ${name}`);
    const asked = await ask(generation, question, [
      ...state.map(lines),
      ...rows.map(({ map, key }) => lines(`get map ${map} ${key}`)),
      // Rows do not tell of which map they are: each answer has to stand where it belongs.
      ...maps.flatMap((map) => [PROOF, lines(`show map ${map}`)]),
    ]);
    if (asked === undefined) return undefined;
    const { worker, replies, dynamic } = asked;
    const ofRows = state.length + rows.length;
    const shown = eachProved(worker, replies.slice(ofRows));
    if (shown === undefined) return undefined;
    const seen = await (whole ? everyBackend(replies) : backendsBy(named, replies));
    const all = await mapsBy(maps, shown);
    const single = rowsBy(rows, replies.slice(state.length, ofRows));
    // An answer that is none to its question: nothing can be concluded from it.
    if (seen === undefined || all === undefined || single === undefined) return undefined;
    const made = dynamic === undefined ? undefined : await parseDynamic(dynamic, seen.keys());
    // What the socket has made must be known before anything is concluded from what else is there.
    if (dynamic !== undefined && made === undefined) return undefined;
    return {
      generation,
      backends: seen,
      ...(made === undefined ? {} : { dynamic: made }),
      maps: new Map([...all, ...single]),
    };
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
    run: (generation, commands) => inTurn(() => run(generation, commands)),
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

const lines = (text: string): SocketLine => ({ text, payload: false, lines: true });

/** Every second reply, if those between them are proofs. */
function eachProved(worker: RuntimeWorker, replies: readonly string[]): readonly string[] | undefined {
  const proofs = replies.filter((_, at) => at % 2 === 0);
  if (proofs.some((proof) => generationIn(proof) !== worker.generation)) {
    worker.distrust('the replies do not belong to the lines');
    return undefined;
  }
  return replies.filter((_, at) => at % 2 === 1);
}

type Backends = ReadonlyMap<string, readonly ObservedServer[]>;

async function everyBackend([names = '', state = '']: readonly string[]): Promise<Backends | undefined> {
  const servers = await parseServersState(state);
  return servers && namedBackends(names, servers);
}

async function backendsBy(names: readonly string[], replies: readonly string[]): Promise<Backends | undefined> {
  const backends = new Map<string, readonly ObservedServer[]>();
  for (const [at, name] of names.entries()) {
    const reply = replies[at] ?? '';
    const servers = await parseServersState(reply);
    if (servers === undefined && isUnknownBackend(reply)) continue;
    if (servers === undefined || [...servers.keys()].some((of) => of !== name)) return undefined;
    backends.set(name, servers.get(name) ?? []);
  }
  return backends;
}

type Rows = ReadonlyMap<MapFile, ReadonlyMap<string, string>>;

/** What `get map` found of single rows, by map. */
function rowsBy(
  rows: readonly { readonly map: MapFile; readonly key: string }[],
  replies: readonly string[],
): Rows | undefined {
  const found = new Map<MapFile, Map<string, string>>();
  for (const [at, { map, key }] of rows.entries()) {
    const ofMap = found.get(map) ?? new Map<string, string>();
    const row = parseRow(replies[at] ?? '', key);
    if (row === undefined) return undefined;
    if (row !== 'none') ofMap.set(key, row.value);
    found.set(map, ofMap);
  }
  return found;
}

async function mapsBy(maps: readonly MapFile[], replies: readonly string[]): Promise<Rows | undefined> {
  const found = new Map<MapFile, ReadonlyMap<string, string>>();
  for (const [at, map] of maps.entries()) {
    const reply = replies[at] ?? '';
    const rows = await parseMap(reply);
    if (rows !== undefined) found.set(map, rows);
    else if (!isUnknownMap(reply)) return undefined;
  }
  return found;
}
