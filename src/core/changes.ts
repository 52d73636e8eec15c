import { byHostAndPath, byName, byPlace } from './assembly.ts';
import type { Difference } from './difference.ts';
import { difference } from './difference.ts';
import type { RouteChange } from './events.ts';
import type { Backend, Route, RoutingTable, Server, ServiceFrontend } from './routing.ts';
import { formatBind } from './settings.ts';

/**
 * What differs between two tables, in the field's words: routes, services, then backends with their servers, each sorted by
 * name. What kept its identity is passed over without a look. Without a table before, everything is new.
 */
export function routeChanges(before: RoutingTable | undefined, after: RoutingTable): readonly RouteChange[] {
  if (before === after) return [];
  return [
    ...keyed(
      difference(before?.routes ?? [], after.routes, byHostAndPath),
      routeKey,
      'route-added',
      'route-removed',
      routeName,
    ),
    ...keyed(
      difference(before?.services ?? [], after.services, byPlace),
      serviceName,
      'service-added',
      'service-removed',
      serviceName,
    ),
    ...backendChanges(difference(before?.backends ?? [], after.backends, byName)),
  ];
}

/** A route as people write it: `my-app.example/api`, `*.example.com`. */
export function routeName(route: Pick<Route, 'match' | 'host' | 'path'>): string {
  return `${route.match === 'wildcard' ? '*' : ''}${route.host}${route.path ?? ''}`;
}

// A route that leads to another backend is a new route: its requests go to another place.
const routeKey = (route: Route): string => `${routeName(route)}\n${route.ignoreCase}\n${route.backend}`;

const serviceName = (service: ServiceFrontend): string =>
  service.binds.map((bind) => (bind.address === '*' ? String(bind.port) : formatBind(bind))).join(',');

function keyed<T extends { readonly app: RouteChange['app'] }>(
  { gone, came }: Difference<T>,
  key: (item: T) => string,
  added: RouteChange['change'],
  removed: RouteChange['change'],
  name: (item: T) => string,
): readonly RouteChange[] {
  const had = new Set(gone.map(key));
  const has = new Set(came.map(key));
  return [
    ...came.filter((item) => !had.has(key(item))).map((item) => ({ change: added, app: item.app, what: name(item) })),
    ...gone.filter((item) => !has.has(key(item))).map((item) => ({ change: removed, app: item.app, what: name(item) })),
  ];
}

function backendChanges({ gone, came }: Difference<Backend>): readonly RouteChange[] {
  const had = new Map(gone.map((backend) => [backend.name, backend]));
  const changes: RouteChange[] = [];
  for (const backend of came) {
    const was = had.get(backend.name);
    had.delete(backend.name);
    if (was !== undefined && withoutServers(was) !== withoutServers(backend)) {
      changes.push({ change: 'backend-changed', app: backend.app, what: backend.name });
    }
    changes.push(...serverChanges(backend.app, was?.servers ?? [], backend.servers));
  }
  for (const left of had.values()) changes.push(...serverChanges(left.app, left.servers, []));
  return changes;
}

function serverChanges(
  app: RouteChange['app'],
  before: readonly Server[],
  after: readonly Server[],
): readonly RouteChange[] {
  if (before === after) return [];
  const had = new Map(before.map((server) => [server.name, server]));
  const changes: RouteChange[] = [];
  for (const server of after) {
    const was = had.get(server.name);
    had.delete(server.name);
    if (was === undefined) changes.push({ change: 'server-added', app, what: formatBind(server.endpoint) });
    else if (was !== server && JSON.stringify(was) !== JSON.stringify(server)) {
      changes.push({ change: 'server-changed', app, what: formatBind(server.endpoint) });
    }
  }
  for (const gone of had.values()) changes.push({ change: 'server-removed', app, what: formatBind(gone.endpoint) });
  return changes;
}

const withoutServers = (backend: Backend): string => JSON.stringify({ ...backend, servers: [] });
