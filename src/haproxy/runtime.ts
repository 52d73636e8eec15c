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
import { namedBackends, parseMap, parseRow, parseServersState } from './runtime-replies.ts';
import { deleteLeft } from './runtime-servers.ts';
import type { SocketLine } from './runtime-socket.ts';
import { createRuntimeLink } from './runtime-worker.ts';
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
  const link = createRuntimeLink(parts.socket, parts.deadlineMs ?? 5_000);
  const inTurn = createSingleFlight();

  async function tier(): Promise<Tier> {
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
    const worker = await link.bind(generation);
    if (!worker.ok) return undefined;
    const backends = question.backends === 'all' ? [] : [...new Set(question.backends)];
    // A name that could not be one is of no backend, and would be read as further commands.
    const named = backends.filter((name) => unsayableName(name) === undefined);
    const maps = [...new Set(question.maps)];
    const dynamic = question.dynamic === true && worker.value.tier === 'A' ? DYNAMIC_QUESTION : [];
    const rows = (question.rows ?? []).filter(({ map, key }) => !maps.includes(map) && !/[\s;\\]/.test(key));
    const replies = await worker.value.ask([
      ...(question.backends === 'all' ? ['show backend', 'show servers state'] : []).map(line),
      ...named.map((name) => line(`show servers state ${name}`)),
      ...maps.map((map) => line(`show map ${map}`)),
      ...rows.map(({ map, key }) => line(`get map ${map} ${key}`)),
      ...dynamic.map(line),
    ]);
    if (!replies.ok) return undefined;
    const ofBackends = replies.value.slice(0, replies.value.length - maps.length - rows.length - dynamic.length);
    const ofMaps = replies.value.slice(ofBackends.length, ofBackends.length + maps.length);
    const ofRows = replies.value.slice(ofBackends.length + maps.length);
    const ofDynamic = replies.value.slice(replies.value.length - dynamic.length);
    const seen = question.backends === 'all' ? await everyBackend(ofBackends) : await backendsBy(named, ofBackends);
    const made = dynamic.length === 0 ? undefined : await parseDynamic(ofDynamic, seen.keys());
    // What the socket has made must be known before anything is concluded from what else is there.
    if (dynamic.length > 0 && made === undefined) return undefined;
    return {
      generation,
      backends: seen,
      ...(made === undefined ? {} : { dynamic: made }),
      maps: new Map([...(await mapsBy(maps, ofMaps)), ...rowsBy(rows, ofRows)]),
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

const line = (text: string): SocketLine => ({ text, payload: false });

type Backends = ReadonlyMap<string, readonly ObservedServer[]>;

async function everyBackend([names = '', state = '']: readonly string[]): Promise<Backends> {
  return namedBackends(names, (await parseServersState(state)) ?? new Map());
}

async function backendsBy(names: readonly string[], replies: readonly string[]): Promise<Backends> {
  const backends = new Map<string, readonly ObservedServer[]>();
  for (const [at, name] of names.entries()) {
    const servers = await parseServersState(replies[at] ?? '');
    if (servers) backends.set(name, servers.get(name) ?? []);
  }
  return backends;
}

/** What `get map` found of single rows, by map. */
function rowsBy(
  rows: readonly { readonly map: MapFile; readonly key: string }[],
  replies: readonly string[],
): ReadonlyMap<MapFile, ReadonlyMap<string, string>> {
  const found = new Map<MapFile, Map<string, string>>();
  for (const [at, { map, key }] of rows.entries()) {
    const ofMap = found.get(map) ?? new Map<string, string>();
    const value = parseRow(replies[at] ?? '', key);
    if (value !== undefined) ofMap.set(key, value);
    found.set(map, ofMap);
  }
  return found;
}

async function mapsBy(
  maps: readonly MapFile[],
  replies: readonly string[],
): Promise<ReadonlyMap<MapFile, ReadonlyMap<string, string>>> {
  const found = new Map<MapFile, ReadonlyMap<string, string>>();
  for (const [at, map] of maps.entries()) {
    const rows = await parseMap(replies[at] ?? '');
    if (rows) found.set(map, rows);
  }
  return found;
}
