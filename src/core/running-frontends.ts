import { listenersOverlap } from './address.ts';
import { isReady } from './reach-servers.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { Backend, RoutingTable, ServiceFrontend } from './routing.ts';
import { backendNamed, byName } from './table-diff.ts';

/**
 * `reached` with the backends of frontends that only a reload removes, where the same address is served on by another one: they keep
 * the servers that are wanted still, under whatever name. Until the reload it is the old frontend that takes the connections, and it
 * would close them. A service that moves to an address which it cannot have is such a one.
 */
export function withRunningFrontends(
  before: RoutingTable,
  after: RoutingTable,
  reached: RoutingTable,
  needs: readonly ReloadNeed[],
): RoutingTable {
  const going = new Set(needs.flatMap((need) => (need.because === 'service-removed' ? [need.service] : [])));
  if (going.size === 0) return reached;
  const servedOn = reached.services.filter(({ name, binds }) => going.has(name) && binds.some(isBoundBy(after)));
  const old = servedOn.flatMap(({ backend }) => backendNamed(before, backend) ?? []);
  if (old.length === 0) return reached;
  const wanted = new Set(after.backends.flatMap(({ servers }) => servers.map(({ name }) => name)));
  const staying = new Map<string, Backend>();
  for (const backend of old) {
    if (backendNamed(reached, backend.name)?.servers.some(isReady) === true) continue;
    const servers = backend.servers.filter((server) => isReady(server) && wanted.has(server.name));
    if (servers.length > 0) staying.set(backend.name, { ...backend, servers });
  }
  if (staying.size === 0) return reached;
  const others = reached.backends.filter(({ name }) => !staying.has(name));
  return { ...reached, backends: [...others, ...staying.values()].sort(byName) };
}

const isBoundBy =
  ({ services }: RoutingTable) =>
  (bind: ServiceFrontend['binds'][number]): boolean =>
    services.some(({ binds }) =>
      binds.some(({ port, address }) => port === bind.port && listenersOverlap(address, bind.address)),
    );
