import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import { backendNamed, byAppId, byFirstBind, byName, byRoute, indexOfName } from './table-diff.ts';

/** Places by backend; a backend without one is at its own name. */
type Places = ReadonlyMap<BackendName, BackendName>;

/**
 * A table in the words of the running HAProxy: backends, and what leads to them, under the names of their places. What did not
 * change is the same object as the last time.
 */
export function place(table: RoutingTable, places: Places): RoutingTable {
  return placed(table, places, undefined);
}

/** `place`, remembering the last table: what both of them hold is not looked up again. */
export function createPlacer(): typeof place {
  let last: Placed | undefined;
  return (table, places) => {
    if (last?.table === table && last.places === places) return last.result;
    const result = placed(table, places, last !== undefined && nobodyMoved(last, table, places) ? last : undefined);
    last = { table, places, result };
    return result;
  };
}

interface Placed {
  readonly table: RoutingTable;
  readonly places: Places;
  readonly result: RoutingTable;
}

/** Whether every backend of both tables is where it was. */
function nobodyMoved({ table, places: before }: Placed, now: RoutingTable, places: Places): boolean {
  if (before === places) return true;
  const stays = (name: BackendName): boolean =>
    backendNamed(table, name) !== undefined && backendNamed(now, name) !== undefined;
  const moved = (a: Places, b: Places): boolean => [...a].some(([name, to]) => b.get(name) !== to && stays(name));
  return !moved(before, places) && !moved(places, before);
}

function placed(table: RoutingTable, places: Places, last: Placed | undefined): RoutingTable {
  if (places.size === 0) return table;
  const backends = placedBackends(table.backends, places);
  if (backends === table.backends) return table;
  const leading = <T extends { readonly backend: BackendName }>(
    of: (table: RoutingTable) => readonly T[],
    compare: (a: T, b: T) => number,
    move: (item: T, to: BackendName) => T,
  ): readonly T[] =>
    carried(of(table), last && { items: of(last.table), moved: of(last.result) }, compare, (item) => {
      const to = places.get(item.backend);
      return to === undefined ? item : move(item, to);
    });
  return {
    services: leading(({ services }) => services, byFirstBind, movedService),
    routes: leading(({ routes }) => routes, byRoute, movedRoute),
    appIds: leading(({ appIds }) => appIds, byAppId, movedAppId),
    backends,
  };
}

/** `items`, each moved; what the last list holds too is taken from there. Lists out of order only cost more. */
function carried<T>(
  items: readonly T[],
  last: { readonly items: readonly T[]; readonly moved: readonly T[] } | undefined,
  compare: (a: T, b: T) => number,
  move: (item: T) => T,
): readonly T[] {
  if (last === undefined) return items.map(move);
  const result: T[] = [];
  let at = 0;
  for (const item of items) {
    let was = last.items[at];
    let known: T | undefined;
    if (was === item) known = last.moved[at++];
    else {
      for (; was !== undefined && was !== item && compare(was, item) < 0; was = last.items[at]) at += 1;
      if (was === item) known = last.moved[at];
      if (was !== undefined && (was === item || compare(was, item) === 0)) at += 1;
    }
    result.push(known ?? move(item));
  }
  return result;
}

/** Remembers the last place of each object: a backend moves seldom. */
function rememberedMove<T extends object>(move: (item: T, to: BackendName) => T): (item: T, to: BackendName) => T {
  const known = new WeakMap<T, { readonly to: BackendName; readonly moved: T }>();
  return (item, to) => {
    const before = known.get(item);
    if (before?.to === to) return before.moved;
    const moved = move(item, to);
    known.set(item, { to, moved });
    return moved;
  };
}

const movedBackend = rememberedMove((backend: Backend, name) => ({ ...backend, name }));
const movedRoute = rememberedMove((route: Route, backend) => ({ ...route, backend }));
const movedAppId = rememberedMove((route: AppIdRoute, backend) => ({ ...route, backend }));
const movedService = rememberedMove((service: ServiceFrontend, backend) => ({ ...service, backend }));

/** Takes the few that move out of the sorted list, and puts them in again where their new names belong. */
function placedBackends(backends: readonly Backend[], places: Places): readonly Backend[] {
  const leave: number[] = [];
  const come: Backend[] = [];
  for (const [name, to] of places) {
    const at = indexOfName(backends, name);
    const backend = backends[at];
    if (backend?.name !== name) continue;
    leave.push(at);
    come.push(movedBackend(backend, to));
  }
  if (come.length === 0) return backends;
  const rest = spliced(
    backends,
    leave.sort((a, b) => a - b).map((at) => ({ at, skip: 1 })),
  );
  return spliced(
    rest,
    come.sort(byName).map((backend) => ({ at: indexOfName(rest, backend.name), skip: 0, put: backend })),
  );
}

/** A copy with items skipped or put in at rising places. */
function spliced<T>(
  items: readonly T[],
  edits: readonly { readonly at: number; readonly skip: number; readonly put?: T }[],
): readonly T[] {
  const parts: (readonly T[])[] = [];
  let from = 0;
  for (const { at, skip, put } of edits) {
    parts.push(items.slice(from, at));
    if (put !== undefined) parts.push([put]);
    from = at + skip;
  }
  const [first = [], ...others] = [...parts, items.slice(from)];
  return first.concat(...others);
}
