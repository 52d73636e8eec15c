import { isReady } from './reach-servers.ts';
import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import { backendNamed, byAppId, byFirstBind, byName, byRoute } from './table-diff.ts';

/**
 * `reached` with the rows of `before` in place of those of `after` that only a reload can bring: a host that moves to a backend
 * that is not there yet is answered by the one before until then, which keeps the servers that it had if it would have none.
 */
export function withOldRows(before: RoutingTable, after: RoutingTable, reached: RoutingTable): RoutingTable {
  const answers = new Map<BackendName, Backend>();
  for (const backend of before.backends) if (backend.servers.some(isReady)) answers.set(backend.name, backend);
  const stays = new Map<BackendName, Backend>();
  const kept = <T extends { readonly backend: BackendName }>(
    part: (table: RoutingTable) => readonly T[],
    keyOf: (item: T) => string,
    compare: (a: T, b: T) => number,
  ): readonly T[] => {
    const items = part(reached);
    const there = new Set(items.map(keyOf));
    const lost = new Set(part(after).flatMap((item) => (there.has(keyOf(item)) ? [] : [keyOf(item)])));
    const old =
      lost.size === 0 ? [] : part(before).filter((item) => lost.has(keyOf(item)) && answers.has(item.backend));
    for (const { backend } of old) stays.set(backend, answers.get(backend) as Backend);
    return old.length === 0 ? items : [...items, ...old].sort(compare);
  };
  const rows = {
    routes: kept<Route>(
      ({ routes }) => routes,
      ({ host, path = '', ignoreCase }) => `${host} ${path} ${ignoreCase}`,
      byRoute,
    ),
    appIds: kept<AppIdRoute>(
      ({ appIds }) => appIds,
      ({ appId }) => appId,
      byAppId,
    ),
    services: kept<ServiceFrontend>(
      ({ services }) => services.filter(({ inRange }) => inRange === true),
      ({ binds }) => `${binds[0]?.port}`,
      byFirstBind,
    ),
  };
  if (stays.size === 0) return reached;
  const own = reached.services.filter(({ inRange }) => inRange === undefined);
  return { ...rows, services: [...own, ...rows.services].sort(byFirstBind), backends: withStaying(reached, stays) };
}

function withStaying({ backends }: RoutingTable, stays: ReadonlyMap<BackendName, Backend>): readonly Backend[] {
  const gone = [...stays.values()].filter(({ name }) => backendNamed({ backends }, name) === undefined);
  const answering = backends.map((backend) => {
    const was = stays.get(backend.name);
    if (was === undefined || backend.servers.some(isReady)) return backend;
    const old = was.servers.filter(isReady);
    const names = new Set(old.map(({ name }) => name));
    return { ...backend, servers: [...backend.servers.filter(({ name }) => !names.has(name)), ...old] };
  });
  return [...answering, ...gone].sort(byName);
}
