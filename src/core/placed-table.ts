import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import { byName, indexOfName } from './table-diff.ts';

/** Places by backend; a backend without one is at its own name. */
type Places = ReadonlyMap<BackendName, BackendName>;

/**
 * A table in the words of the running HAProxy: backends, and what leads to them, under the names of their places. What did not
 * change is the same object as the last time.
 */
export function place(table: RoutingTable, places: Places): RoutingTable {
  if (places.size === 0) return table;
  const moved: Backend[] = [];
  const rest: Backend[] = [];
  for (const backend of table.backends) {
    const to = places.get(backend.name);
    if (to === undefined) rest.push(backend);
    else moved.push(movedBackend(backend, to));
  }
  if (moved.length === 0) return table;
  return {
    services: leadingTo(table.services, places, movedService),
    routes: leadingTo(table.routes, places, movedRoute),
    appIds: leadingTo(table.appIds, places, movedAppId),
    backends: mergedByName(rest, moved.sort(byName)),
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

function leadingTo<T extends { readonly backend: BackendName }>(
  items: readonly T[],
  places: Places,
  move: (item: T, to: BackendName) => T,
): readonly T[] {
  return items.map((item) => {
    const to = places.get(item.backend);
    return to === undefined ? item : move(item, to);
  });
}

/** Two lists sorted by name as one; the second one is short. */
function mergedByName(many: readonly Backend[], few: readonly Backend[]): readonly Backend[] {
  const merged: Backend[] = [];
  let from = 0;
  for (const backend of few) {
    const at = indexOfName(many, backend.name);
    for (; from < at; from++) {
      const next = many[from];
      if (next !== undefined) merged.push(next);
    }
    merged.push(backend);
  }
  return merged.concat(many.slice(from));
}
