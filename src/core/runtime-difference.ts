import { parseIp } from './address.ts';
import type { MapFile } from './maps.ts';
import { everyRow, mapRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { BackendName, RoutingTable, Server, ServerName } from './routing.ts';
import type { ObservedRuntime, ObservedServer, RuntimeQuestion } from './runtime.ts';
import type { RuntimePlan, Touched } from './runtime-plan.ts';
import { backendNamed } from './table-diff.ts';

/** What was read: whole backends, whole maps, and single rows of other maps (those of a plan know what they should be). */
export type Asked = RuntimeQuestion & { readonly rows?: readonly AskedRow[] };

/** A row that was asked for. */
export interface AskedRow {
  readonly map: MapFile;
  readonly key: string;
}

/** One thing in which a running HAProxy is not as the table says. */
export type Difference =
  | { readonly what: 'backend-missing'; readonly backend: BackendName }
  | { readonly what: 'server-missing'; readonly backend: BackendName; readonly server: Server }
  /** It is not wanted and not in maintenance. One that is waits to be forgotten, which is no difference. */
  | { readonly what: 'server-extra'; readonly backend: BackendName; readonly server: ServerName }
  | {
      readonly what: 'server-address' | 'server-admission';
      readonly backend: BackendName;
      readonly server: Server;
      readonly found: ObservedServer;
    }
  | { readonly what: 'row-missing'; readonly map: MapFile; readonly key: string; readonly value: string }
  | {
      readonly what: 'row-wrong';
      readonly map: MapFile;
      readonly key: string;
      readonly value: string;
      readonly found: string;
    }
  | { readonly what: 'row-extra'; readonly map: MapFile; readonly key: string; readonly found: string }
  /** It is missing in the list of :443, too much there, or another one is served in its place. */
  | { readonly what: 'certificate-wrong'; readonly certificate: string };

/**
 * Compares what was read with the table that should run, in the words of its places. Empty: HAProxy is as the model says, in
 * everything that was asked. Only forced states count: whether a server's check succeeds is HAProxy's own affair.
 */
export function differences(
  observed: ObservedRuntime,
  asked: Asked,
  table: RoutingTable,
  pathMatch: PathMatch,
): readonly Difference[] {
  const found: Difference[] = [];
  const names =
    asked.backends === 'all'
      ? new Set<string>([...observed.backends.keys(), ...table.backends.map(({ name }) => name)])
      : asked.backends;
  for (const name of names) compareBackend(name as BackendName, observed, table, found);
  for (const map of asked.maps) {
    compareRows(map, observed.maps.get(map) ?? new Map(), mapRows(table, map, pathMatch), found);
  }
  const single = Map.groupBy(asked.rows ?? [], ({ map }) => map);
  for (const [map, rows] of single) {
    if (asked.maps.includes(map)) continue;
    const wanted = mapRows(table, map, pathMatch);
    const has = observed.maps.get(map) ?? new Map<string, string>();
    const only = (all: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
      new Map(
        rows.flatMap(({ key }) => {
          const value = all.get(key);
          return value === undefined ? [] : [[key, value]];
        }),
      );
    compareRows(map, only(has), only(wanted), found);
  }
  return found;
}

/**
 * Whether a batch did what its plan says: what was read of the backends, maps and rows that it touched. Costs what was touched
 * costs, however large the table is.
 */
export function verify(
  observed: ObservedRuntime,
  { touched, target }: Pick<RuntimePlan, 'touched' | 'target'>,
  pathMatch: PathMatch,
): readonly Difference[] {
  const found = [...differences(observed, { backends: touched.backends, maps: touched.maps }, target, pathMatch)];
  for (const { map, key, value } of touched.rows) compareTouched(observed, map, key, value, found);
  return found;
}

/**
 * Whether what a batch is to touch was read as it is known to run, for the same cost. Maps that it replaces are left out: they are
 * right afterwards, whatever stood in them.
 */
export function unexpected(
  observed: ObservedRuntime,
  { backends, rows }: Touched,
  running: RoutingTable,
  pathMatch: PathMatch,
): readonly Difference[] {
  const found = [...differences(observed, { backends, maps: [] }, running, pathMatch)];
  for (const { map, key, was } of rows) compareTouched(observed, map, key, was, found);
  return found;
}

function compareTouched(
  observed: ObservedRuntime,
  map: MapFile,
  key: string,
  value: string | undefined,
  found: Difference[],
): void {
  const is = observed.maps.get(map)?.get(key);
  if (value !== undefined) compareRow(map, key, value, is, found);
  else if (is !== undefined) found.push({ what: 'row-extra', map, key, found: is });
}

function compareBackend(name: BackendName, observed: ObservedRuntime, table: RoutingTable, found: Difference[]): void {
  const wanted = backendNamed(table, name);
  const has = observed.backends.get(name);
  if (has === undefined) {
    if (wanted !== undefined) found.push({ what: 'backend-missing', backend: name });
    return;
  }
  const servers = wanted?.servers ?? [];
  // Nearly always: as many, in the same order, and nothing different.
  if (servers.length === has.length && servers.every((server, at) => isAs(server, has[at]))) return;
  const extra = new Map(has.map((server) => [server.name, server]));
  for (const server of servers) {
    const live = extra.get(server.name);
    extra.delete(server.name);
    if (live === undefined) found.push({ what: 'server-missing', backend: name, server });
    else if (!isAt(server, live)) found.push({ what: 'server-address', backend: name, server, found: live });
    else if (live.admission !== server.admission) {
      found.push({ what: 'server-admission', backend: name, server, found: live });
    }
  }
  for (const server of extra.values()) {
    if (server.admission === 'maint') continue;
    found.push({ what: 'server-extra', backend: name, server: server.name as ServerName });
  }
}

const isAs = (server: Server, live: ObservedServer | undefined): boolean =>
  live?.name === server.name && live.admission === server.admission && isAt(server, live);

function isAt({ endpoint }: Server, { address, port }: ObservedServer): boolean {
  if (endpoint.port !== port) return false;
  return endpoint.address === address || parseIp(endpoint.address)?.text === (parseIp(address)?.text ?? '');
}

function compareRows(
  map: MapFile,
  has: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  found: Difference[],
): void {
  for (const [key, value] of wanted) compareRow(map, key, value, has.get(key), found);
  for (const [key, is] of has) if (!wanted.has(key)) found.push({ what: 'row-extra', map, key, found: is });
}

function compareRow(map: MapFile, key: string, value: string, is: string | undefined, found: Difference[]): void {
  if (is === undefined) found.push({ what: 'row-missing', map, key, value });
  else if (is !== value) found.push({ what: 'row-wrong', map, key, value, found: is });
}

/** Rows between two rests of `compareMap`; 1,000 take about half a millisecond. */
const ROWS_AT_ONCE = 1_000;

/** `differences` of one map that was read whole, in steps: whoever takes them can rest in between. */
export function* compareMap(
  map: MapFile,
  has: ReadonlyMap<string, string>,
  table: RoutingTable,
  pathMatch: PathMatch,
): Generator<void, readonly Difference[]> {
  const found: Difference[] = [];
  const wanted = new Set<string>();
  let looked = 0;
  for (const { key, value } of everyRow(table, map, pathMatch)) {
    if (wanted.has(key)) continue;
    wanted.add(key);
    compareRow(map, key, value, has.get(key), found);
    looked += 1;
    if (looked % ROWS_AT_ONCE === 0) yield;
  }
  for (const [key, is] of has) {
    if (!wanted.has(key)) found.push({ what: 'row-extra', map, key, found: is });
    looked += 1;
    if (looked % ROWS_AT_ONCE === 0) yield;
  }
  return found;
}

/** A difference as one phrase. */
export function formatDifference(difference: Difference): string {
  const { what } = difference;
  if ('certificate' in difference) return `${what} ${difference.certificate}`;
  if ('map' in difference) {
    const { map, key } = difference;
    const found = 'found' in difference ? ` (is ${difference.found})` : '';
    return `${what} ${map} ${key}${'value' in difference ? ` ${difference.value}` : ''}${found}`;
  }
  if (!('server' in difference)) return `${what} ${difference.backend}`;
  const name = typeof difference.server === 'string' ? difference.server : difference.server.name;
  return `${what} ${difference.backend}/${name}`;
}
