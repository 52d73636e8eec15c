import type { Version } from './app.ts';
import { type Leftover, type Leftovers, STRANGER } from './leftovers.ts';
import { appIdRow, type MapRow, portRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { Backend, BackendName, RoutingTable, Server, ServerName, ServiceFrontend } from './routing.ts';
import type { ObservedRuntime, ObservedServer } from './runtime.ts';
import type { Asked } from './runtime-difference.ts';
import { sameWords } from './server-words.ts';
import { backendNamed, byFirstBind, byName } from './table-diff.ts';

/** What is known, and what was read on top of it. */
export interface SeenInputs {
  readonly observed: ObservedRuntime;
  readonly asked: Asked;
  /** What ran as far as anybody knows. */
  readonly before: RoutingTable | undefined;
  readonly after: RoutingTable;
  /** The wanted table with the words that servers were told in an earlier life. */
  readonly told?: RoutingTable;
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
  const { observed, asked, after, before } = inputs;
  const known = asked.backends === 'all' || before === undefined ? withSeenRows(inputs) : before;
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
    const will = backendNamed(inputs.told ?? after, name);
    const seen = has === undefined ? undefined : seenBackend(has, was, will, inputs.leftovers.get(name));
    if (seen !== was) changes.set(name, seen);
    const left = leftServers(has ?? [], seen, was, inputs.leftovers.get(name));
    if (left.size > 0) leftovers.set(name, left);
    else leftovers.delete(name);
  }
  return { running: withChanges(known, changes), leftovers, absent };
}

/** Rows of wanted routes as they were read, wherever they lead. Of the rest, what is known. */
function withSeenRows({ observed, after, before, pathMatch }: SeenInputs): RoutingTable {
  const seen = <T extends { readonly backend: BackendName }>(
    items: readonly T[],
    rowsOf: (item: T) => readonly MapRow[],
  ) =>
    items.flatMap((item): readonly T[] => {
      const rows = rowsOf(item);
      // The row that leads somewhere comes last.
      const lead = rows.at(-1);
      const to = lead && observed.maps.get(lead.map)?.get(lead.key);
      if (to === undefined) return [];
      if (to !== lead?.value) return [{ ...item, backend: to as BackendName }];
      return [item];
    });
  const own = before?.services.filter(({ inRange }) => inRange === undefined) ?? [];
  const modes = observed.maps.get('maps/port-modes.map');
  const inRange = after.services.flatMap((service): readonly ServiceFrontend[] => {
    if (service.inRange !== true) return [];
    const mode = modes?.get(`${service.binds[0]?.port}`) === 'http' ? 'http' : 'tcp';
    return [mode === service.mode ? service : { ...service, mode }];
  });
  return {
    services: [...own, ...seen(inRange, portRows)].sort(byFirstBind),
    routes: seen(after.routes, (route) => routeRows(route, pathMatch)),
    appIds: seen(after.appIds, (route) => [appIdRow(route)]),
    backends: before?.backends ?? [],
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

/** Nobody is in it who is on the way out. */
function seenBackend(
  has: readonly ObservedServer[],
  was: Backend | undefined,
  will: Backend | undefined,
  before: ReadonlyMap<ServerName, Leftover> | undefined,
): Backend | undefined {
  const model = was ?? will;
  if (model === undefined) return undefined;
  const live = new Map<string, ObservedServer>(has.map((server) => [server.name, server]));
  const wanted = new Set(will?.servers.map(({ name }) => name));
  const servers: Server[] = [];
  // One that left comes back with the words it had, or not at all.
  const words = will?.servers.map((server) => {
    const left = before?.get(server.name)?.server;
    return left === undefined || sameWords(left, server) ? server : left;
  });
  for (const server of words ?? []) if (!will?.servers.includes(server)) wanted.delete(server.name);
  for (const server of [...(was?.servers ?? []), ...(words ?? [])]) {
    const found = live.get(server.name);
    live.delete(server.name);
    if (found === undefined || (found.admission === 'maint' && !wanted.has(server.name))) continue;
    const admission = found.admission === 'ready' ? 'ready' : 'maint';
    const same = server.id === found.id && server.admission === admission;
    servers.push(same ? server : { ...server, id: found.id, admission });
  }
  // Nobody knows them, but they answer, and do until somebody else can.
  for (const stranger of live.values()) if (stranger.admission === 'ready') servers.push(strangerAs(stranger));
  const same = servers.length === was?.servers.length && servers.every((server, at) => server === was.servers[at]);
  return same ? was : { ...model, servers };
}

/** A server of which nothing but what HAProxy shows is known; no task is called so. */
const strangerAs = ({ name, id, address, port }: ObservedServer): Server => ({
  name: name as ServerName,
  id,
  task: STRANGER,
  taskVersion: '' as Version,
  endpoint: { portIndex: 0, address, port },
  admission: 'ready',
});

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
