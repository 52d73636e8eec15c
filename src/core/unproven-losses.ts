import type { AppId } from './app.ts';
import type { Backend, RoutingTable, ServiceFrontend } from './routing.ts';
import { byAppId, byFirstBind, byName, byRoute, type ListDiff, listDiff } from './table-diff.ts';

/**
 * True when apps lose rows or servers in the same step in which their own lines in haproxy.cfg change. The socket would carry the
 * loss at once, though HAProxy's check may refuse the lines, and the app keeps what it had: such a step is checked first. Costs
 * what is different.
 */
export function losesUnproven(before: RoutingTable, after: RoutingTable): boolean {
  if (before === after) return false;
  const backends = listDiff(before.backends, after.backends, byName);
  const services = listDiff(before.services, after.services, byFirstBind);
  const apps = rewritten(backends, services);
  if (apps.size === 0) return false;
  const loses = <T extends { readonly app: AppId }>(
    { removed, added }: ListDiff<T>,
    key: (row: T) => string,
  ): boolean => {
    const has = new Set(added.map(key));
    return removed.some((row) => apps.has(row.app) && !has.has(key(row)));
  };
  return (
    loses(backends, ({ name }) => name) ||
    losesServers(backends, apps) ||
    loses(services, ({ name, binds }) => `${name} ${binds.map(({ address, port }) => `${address} ${port}`)}`) ||
    loses(listDiff(before.appIds, after.appIds, byAppId), ({ appId }) => appId) ||
    loses(
      listDiff(before.routes, after.routes, byRoute),
      ({ host, path = '', match, ignoreCase }) => `${host} ${path} ${match} ${ignoreCase}`,
    )
  );
}

/** Apps that ask for other lines than before. A backend or frontend of a name that is new is lines, too. */
function rewritten(backends: ListDiff<Backend>, services: ListDiff<ServiceFrontend>): ReadonlySet<AppId> {
  const were = new Map(backends.removed.map((backend) => [backend.name, backend]));
  const listened = new Map(services.removed.map((service) => [service.name, service]));
  const apps = new Set<AppId>();
  for (const is of backends.added) {
    const was = were.get(is.name);
    if (was === undefined || linesOf(was) !== linesOf(is)) apps.add(is.app);
  }
  for (const is of services.added) {
    const was = listened.get(is.name);
    if (is.inRange === undefined && (was === undefined || JSON.stringify(was) !== JSON.stringify(is))) apps.add(is.app);
  }
  return apps;
}

/** What of a backend are lines of its own, or of its profile: no map rows and no servers. */
const linesOf = ({ profile, auth, allowedNetworks, proxyPass, reverseProxy, rootRedirect }: Backend): string =>
  JSON.stringify([profile, auth, allowedNetworks, proxyPass, reverseProxy, rootRedirect]);

function losesServers({ removed, added }: ListDiff<Backend>, apps: ReadonlySet<AppId>): boolean {
  const now = new Map(added.map((backend) => [backend.name, backend]));
  return removed.some(({ name, app, servers }) => {
    if (!apps.has(app)) return false;
    const has = new Set(now.get(name)?.servers.map((server) => server.name));
    return servers.some((server) => !has.has(server.name));
  });
}
