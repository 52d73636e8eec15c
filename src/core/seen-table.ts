import type { Leftover, Leftovers } from './leftovers.ts';
import { appIdRow, type MapRow, portRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { Backend, BackendName, RoutingTable, Server, ServerName } from './routing.ts';
import type { ObservedRuntime, ObservedServer } from './runtime.ts';
import type { Asked } from './runtime-difference.ts';
import { backendNamed, byName } from './table-diff.ts';

/** What is known, and what was read on top of it. */
export interface SeenInputs {
  readonly observed: ObservedRuntime;
  readonly asked: Asked;
  /** What ran as far as anybody knows. */
  readonly before: RoutingTable | undefined;
  readonly after: RoutingTable;
  readonly leftovers: Leftovers;
  readonly pathMatch: PathMatch;
}

/** The servers that are there, as a table, and those that are on their way out. */
export interface Seen {
  readonly running: RoutingTable;
  readonly leftovers: Leftovers;
  /** Asked for, and HAProxy has no backend of that name. */
  readonly absent: ReadonlySet<string>;
}

/**
 * Puts what was read into the words of a table. HAProxy does not show a server's words: they are taken to be those it was given, or
 * the wanted ones where nobody remembers. `before` itself when it was read exactly so.
 */
export function seenTable(inputs: SeenInputs): Seen {
  const { observed, asked, after, before, pathMatch } = inputs;
  const known = before ?? knownRows(observed, after, pathMatch);
  const names: Iterable<string> =
    asked.backends === 'all'
      ? new Set([...observed.backends.keys(), ...[...known.backends, ...after.backends].map(({ name }) => name)])
      : asked.backends;
  const changes = new Map<string, Backend | undefined>();
  const leftovers = new Map(inputs.leftovers);
  const absent = new Set<string>();
  for (const each of names) {
    const name = each as BackendName;
    const has = observed.backends.get(name);
    const was = backendNamed(known, name);
    if (has === undefined) absent.add(name);
    const seen = has === undefined ? undefined : seenBackend(has, was, backendNamed(after, name));
    if (seen !== was) changes.set(name, seen);
    const left = leftServers(has ?? [], seen, was, inputs.leftovers.get(name));
    if (left.size > 0) leftovers.set(name, left);
    else leftovers.delete(name);
  }
  return { running: withChanges(known, changes), leftovers, absent };
}

/** Of a table of which nothing is certain, the rows that were read. */
function knownRows(observed: ObservedRuntime, after: RoutingTable, pathMatch: PathMatch): RoutingTable {
  const has = ({ map, key, value }: MapRow): boolean => observed.maps.get(map)?.get(key) === value;
  return {
    services: after.services.filter((service) => service.inRange === true && portRows(service).every(has)),
    routes: after.routes.filter((route) => routeRows(route, pathMatch).every(has)),
    appIds: after.appIds.filter((route) => has(appIdRow(route))),
    backends: [],
  };
}

function withChanges(known: RoutingTable, changes: ReadonlyMap<string, Backend | undefined>): RoutingTable {
  if (changes.size === 0) return known;
  const fresh = new Map(changes);
  const kept = known.backends.flatMap((backend) => {
    if (!fresh.has(backend.name)) return backend;
    const now = fresh.get(backend.name);
    fresh.delete(backend.name);
    return now ?? [];
  });
  const more = [...fresh.values()].filter((backend) => backend !== undefined);
  return { ...known, backends: more.length === 0 ? kept : [...kept, ...more].sort(byName) };
}

/** Nobody is in it that neither table knows, nor anybody who is on the way out. */
function seenBackend(
  has: readonly ObservedServer[],
  was: Backend | undefined,
  will: Backend | undefined,
): Backend | undefined {
  const model = was ?? will;
  if (model === undefined) return undefined;
  const live = new Map<string, ObservedServer>(has.map((server) => [server.name, server]));
  const wanted = new Set(will?.servers.map(({ name }) => name));
  const servers: Server[] = [];
  for (const server of [...(was?.servers ?? []), ...(will?.servers ?? [])]) {
    const found = live.get(server.name);
    live.delete(server.name);
    if (found === undefined || (found.admission === 'maint' && !wanted.has(server.name))) continue;
    const admission = found.admission === 'ready' ? 'ready' : 'maint';
    const same = server.id === found.id && server.admission === admission;
    servers.push(same ? server : { ...server, id: found.id, admission });
  }
  const same = servers.length === was?.servers.length && servers.every((server, at) => server === was.servers[at]);
  return same ? was : { ...model, servers };
}

function leftServers(
  has: readonly ObservedServer[],
  seen: Backend | undefined,
  was: Backend | undefined,
  before: ReadonlyMap<ServerName, Leftover> | undefined,
): ReadonlyMap<ServerName, Leftover> {
  const live = new Set<string>(seen?.servers.map(({ name }) => name));
  const left = new Map<ServerName, Leftover>();
  for (const { name, id } of has) {
    if (live.has(name)) continue;
    const server = before?.get(name as ServerName)?.server ?? was?.servers.find((known) => known.name === name);
    left.set(name as ServerName, { id, ...(server === undefined ? {} : { server }) });
  }
  return left;
}
