import type { AppId } from './app.ts';
import type { Backend, RoutingTable, ServiceFrontend } from './routing.ts';
import { byAppId, byFirstBind, byName, byRoute, type ListDiff, listDiff } from './table-diff.ts';

/**
 * The new lines of apps that lose rows or servers in the same step in which their own lines in haproxy.cfg change; undefined where
 * there are none. The socket would carry the loss at once, though HAProxy's check may refuse the lines, and the app keeps what it
 * had: such a step is checked first. Costs what is different.
 */
export function unprovenLosses(before: RoutingTable, after: RoutingTable): string | undefined {
  if (before === after) return undefined;
  const backends = listDiff(before.backends, after.backends, byName);
  const services = listDiff(before.services, after.services, byFirstBind);
  const rewritten = linesByApp(backends, services);
  if (rewritten.size === 0) return undefined;
  const losers = new Set<AppId>();
  const lose = <T extends { readonly app: AppId }>({ removed, added }: ListDiff<T>, key: (row: T) => string): void => {
    // What another app has now is lost, too.
    const keyOf = (row: T): string => `${row.app} ${key(row)}`;
    const has = new Set(added.map(keyOf));
    for (const row of removed) if (rewritten.has(row.app) && !has.has(keyOf(row))) losers.add(row.app);
  };
  lose(backends, ({ name }) => name);
  lose(serversOf(backends), ({ key }) => key);
  lose(services, ({ name, binds }) => `${name} ${binds.map(({ address, port }) => `${address} ${port}`)}`);
  lose(listDiff(before.appIds, after.appIds, byAppId), ({ appId }) => appId);
  lose(
    listDiff(before.routes, after.routes, byRoute),
    ({ host, path = '', match, ignoreCase }) => `${host} ${path} ${match} ${ignoreCase}`,
  );
  return losers.size === 0 ? undefined : [...losers].map((app) => `${app} ${rewritten.get(app)}`).join('\n');
}

/** What apps ask for that are other lines than before. A backend or frontend of a name that is new is lines, too. */
function linesByApp(backends: ListDiff<Backend>, services: ListDiff<ServiceFrontend>): ReadonlyMap<AppId, string> {
  const were = new Map(backends.removed.map((backend) => [backend.name, backend]));
  const listened = new Map(services.removed.map((service) => [service.name, service]));
  const lines = new Map<AppId, string>();
  const add = (app: AppId, text: string): unknown => lines.set(app, `${lines.get(app) ?? ''}${text}`);
  for (const is of backends.added) {
    const was = were.get(is.name);
    if (was === undefined || linesOf(was) !== linesOf(is)) add(is.app, `${is.name} ${linesOf(is)}`);
  }
  for (const is of services.added) {
    const was = listened.get(is.name);
    const text = JSON.stringify(is);
    if (is.inRange === undefined && (was === undefined || JSON.stringify(was) !== text)) add(is.app, text);
  }
  return lines;
}

/** What of a backend are lines of its own, or of its profile: no map rows and no servers. */
const linesOf = ({ profile, auth, allowedNetworks, proxyPass, reverseProxy, rootRedirect }: Backend): string =>
  JSON.stringify([profile, auth, allowedNetworks, proxyPass, reverseProxy, rootRedirect]);

function serversOf({ removed, added }: ListDiff<Backend>): ListDiff<{ readonly app: AppId; readonly key: string }> {
  const all = (backends: readonly Backend[]) =>
    backends.flatMap(({ name, app, servers }) => servers.map((server) => ({ app, key: `${name} ${server.name}` })));
  return { removed: all(removed), added: all(added) };
}
