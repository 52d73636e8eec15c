import type { RenderedConfig } from './config.ts';
import { type ConfigParts, partsOf } from './lazy-config.ts';
import { routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import { remembered } from './remembered.ts';
import type { Backend, Route } from './routing.ts';
import {
  byHostAndPath,
  byPort,
  ROUTE_MAPS,
  type Served,
  type ServedBackend,
  type ServedRoute,
  type ServedService,
} from './served.ts';
import { rangeAddress, servedByText } from './served-text.ts';
import { formatBind } from './settings.ts';

/**
 * What a configuration routes: from the table that it was made of in this life, or from its text. Remembered by the
 * configuration's identity, as it never changes.
 */
export const servedBy = remembered((config: RenderedConfig): Served => {
  const parts = partsOf(config);
  return parts === undefined ? servedByText(config) : servedByParts(parts);
});

/**
 * How many routes and services `servedBy` gives, without making them: a change of one app must not cost what all of them do. Each
 * route has one row in one of these files, and a row stands there once.
 */
export function servedCount(config: RenderedConfig): number {
  const parts = partsOf(config);
  if (parts === undefined) {
    const { routes, services } = servedBy(config);
    return routes.length + services.length;
  }
  const rows = ROUTE_MAPS.reduce((sum, { file }) => sum + (parts.others.get(file)?.length ?? 0), 0);
  return parts.table.services.reduce((sum, { binds }) => sum + binds.length, rows);
}

const servedBackend = remembered(
  ({ app, servers }: Backend): ServedBackend => ({
    app,
    servers: servers.map(({ name, endpoint }) => ({ name, endpoint: formatBind(endpoint) })),
  }),
);

function servedByParts(parts: ConfigParts): Served {
  const { table, pathMatch } = parts;
  return {
    routes: routesOf(table.routes, pathMatch),
    services: servicesOf(parts),
    backends: new Map(table.backends.map((backend) => [backend.name, servedBackend(backend)])),
  };
}

/** A row each, as the maps hold it: of two that HAProxy cannot tell apart it knows the first. */
function routesOf(routes: readonly Route[], pathMatch: PathMatch): readonly ServedRoute[] {
  const rows = new Map<string, ServedRoute>();
  for (const route of routes) {
    const { key, row } = servedRoute[pathMatch](route);
    if (!rows.has(key)) rows.set(key, row);
  }
  return [...rows.values()].sort(byHostAndPath);
}

const FILES: ReadonlyMap<string, boolean> = new Map(ROUTE_MAPS.map(({ file, ignoreCase }) => [file, ignoreCase]));

/** The row that leads to a route's backend, and what tells it from all others. */
const servedAs = (pathMatch: PathMatch) =>
  remembered((route: Route): { readonly key: string; readonly row: ServedRoute } => {
    const { map, key } = routeRows(route, pathMatch).find((row) => FILES.has(row.map)) ?? { map: '', key: route.host };
    const slash = key.indexOf('/');
    const host = slash < 0 ? key : key.slice(0, slash);
    const row: ServedRoute = {
      match: host.startsWith('.') ? 'wildcard' : 'host',
      host,
      ...(slash < 0 ? {} : { path: key.slice(slash) }),
      ignoreCase: FILES.get(map) ?? false,
      backend: route.backend,
      app: route.app,
    };
    return { key: `${map} ${key}`, row };
  });

const servedRoute: Readonly<Record<PathMatch, ReturnType<typeof servedAs>>> = {
  prefix: servedAs('prefix'),
  segment: servedAs('segment'),
};

function servicesOf({ table, lists }: ConfigParts): readonly ServedService[] {
  const ranged = table.services.some(({ inRange }) => inRange === true);
  const range = ranged ? lists.flat().find(({ section }) => section === 'frontend portolan_services') : undefined;
  const address = rangeAddress(range?.text ?? '');
  const services = table.services.flatMap(({ binds, inRange, backend, app }) =>
    binds.map((bind) => ({ address: inRange === true ? address : bind.address, port: bind.port, backend, app })),
  );
  return services.sort(byPort);
}
