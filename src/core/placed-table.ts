import { createListMaker } from './list-maker.ts';
import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import { backendNamed, byName, indexOfName } from './table-diff.ts';

/** Places by backend; a backend without one is at its own name. */
type Places = ReadonlyMap<BackendName, BackendName>;

/**
 * A table in the words of the running HAProxy: backends, and what leads to them, under the names of their places. What did not
 * change is the same object as the last time.
 */
export function place(table: RoutingTable, places: Places): RoutingTable {
  return placed(
    table,
    places,
    createMovers(() => places),
  );
}

/** `place`, remembering the last table: what both of them hold is not looked up again. */
export function createPlacer(): typeof place {
  let last: { readonly table: RoutingTable; readonly places: Places; readonly result: RoutingTable } | undefined;
  let movers = createMovers(() => NOWHERE);
  return (table, places) => {
    if (last?.table === table && last.places === places) return last.result;
    // Lists that were not moved the last time were not seen by the movers either.
    if (last === undefined || last.result === last.table || !nobodyMoved(last, table, places))
      movers = createMovers(() => last?.places ?? places);
    last = { table, places, result: table };
    const result = placed(table, places, movers);
    last = { table, places, result };
    return result;
  };
}

const NOWHERE: Places = new Map();

/** Lists of what leads to backends, moved; each remembers the last one. */
type Movers = ReturnType<typeof createMovers>;

/** `places`: those of now; where a backend that was there before is must not change. */
function createMovers(places: () => Places) {
  const leading = <T extends { readonly backend: BackendName }>(move: (item: T, to: BackendName) => T) =>
    createListMaker((item: T): T => {
      const to = places().get(item.backend);
      return to === undefined ? item : move(item, to);
    });
  return { services: leading(movedService), routes: leading(movedRoute), appIds: leading(movedAppId) };
}

/** Whether every backend of both tables is where it was. */
function nobodyMoved(
  { table, places: before }: { readonly table: RoutingTable; readonly places: Places },
  now: RoutingTable,
  places: Places,
): boolean {
  if (before === places) return true;
  const stays = (name: BackendName): boolean =>
    backendNamed(table, name) !== undefined && backendNamed(now, name) !== undefined;
  const moved = (a: Places, b: Places): boolean => [...a].some(([name, to]) => b.get(name) !== to && stays(name));
  return !moved(before, places) && !moved(places, before);
}

function placed(table: RoutingTable, places: Places, movers: Movers): RoutingTable {
  if (places.size === 0) return table;
  const backends = placedBackends(table.backends, places);
  if (backends === table.backends) return table;
  return {
    services: movers.services(table.services),
    routes: movers.routes(table.routes),
    appIds: movers.appIds(table.appIds),
    backends,
  };
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
