import type { MapFile } from '../core/maps.ts';
import type { ObservedRuntime, ObservedServer, RuntimeQuestion } from '../core/runtime.ts';
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
import type { SocketLine } from './runtime-socket.ts';
import { PROOF, type RuntimeWorker } from './runtime-worker.ts';

/** A question as it goes over the socket. None of its lines changes anything. */
export interface Phrased {
  readonly lines: readonly SocketLine[];
  /** What the worker's replies to them say. Undefined where one is no answer: nothing can be concluded from any of them. */
  hear(
    worker: RuntimeWorker,
    replies: readonly string[],
  ): Promise<Pick<ObservedRuntime, 'backends' | 'maps'> | undefined>;
}

/** A line whose answer is nothing but whole lines. */
export const lines = (text: string): SocketLine => ({ text, payload: false, lines: true });

/** Puts a question into lines, all but what asks for dynamic backends. */
export function phrase(question: RuntimeQuestion): Phrased {
  const whole = question.backends === 'all';
  const backends = question.backends === 'all' ? [] : [...new Set(question.backends)];
  // A name that could not be one is of no backend, and would be read as further commands.
  const named = backends.filter((name) => unsayableName(name) === undefined);
  const maps = [...new Set(question.maps)];
  const rows = (question.rows ?? []).filter(({ map, key }) => !maps.includes(map) && !/[\s;\\]/.test(key));
  const state = whole ? ['show backend', 'show servers state'] : named.map((name) => `show servers state ${name}`);
  return {
    lines: [
      ...state.map(lines),
      ...rows.map(({ map, key }) => lines(`get map ${map} ${key}`)),
      // Rows do not tell of which map they are: each answer has to stand where it belongs.
      ...maps.flatMap((map) => [PROOF, lines(`show map ${map}`)]),
    ],
    async hear(worker, replies) {
      const ofRows = state.length + rows.length;
      const shown = eachProved(worker, replies.slice(ofRows));
      if (shown === undefined) return undefined;
      const seen = await (whole ? everyBackend(replies) : backendsBy(named, replies));
      const all = await mapsBy(maps, shown);
      const single = rowsBy(rows, replies.slice(state.length, ofRows));
      if (seen === undefined || all === undefined || single === undefined) return undefined;
      return { backends: seen, maps: new Map([...all, ...single]) };
    },
  };
}

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
