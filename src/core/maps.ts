import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import { unreachable } from './result.ts';
import type { AppIdRoute, Backend, Profile, Route, RoutingTable, ServiceFrontend } from './routing.ts';

/** The map files of every generation; each always exists, also when it is empty. */
export const MAP_FILES = [
  'maps/paths.map',
  'maps/paths-nocase.map',
  'maps/path-lengths.map',
  'maps/path-lengths-nocase.map',
  'maps/hosts.map',
  'maps/wildcards.map',
  'maps/redirect.map',
  'maps/hsts.map',
  'maps/check-paths.map',
  'maps/app-ids.map',
  'maps/ports.map',
  'maps/port-modes.map',
] as const;
/** One of the map files. */
export type MapFile = (typeof MAP_FILES)[number];

/** One row, spelled as it stands in the file and as HAProxy shows it: map files and edits of a running map come from the same rows. */
export interface MapRow {
  readonly map: MapFile;
  readonly key: string;
  readonly value: string;
}

/** The rows of one map by key. A key stands there once: HAProxy finds the first, and changes or deletes another of them. */
export function mapRows(table: RoutingTable, map: MapFile, pathMatch: PathMatch): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const { key, value } of everyRow(table, map, pathMatch)) if (!rows.has(key)) rows.set(key, value);
  return rows;
}

/** The rows of one map, one after the other, for those who take them in slices. Of a key the first counts. */
export function* everyRow(table: RoutingTable, map: MapFile, pathMatch: PathMatch): Generator<MapRow, void> {
  switch (map) {
    case 'maps/paths.map':
    case 'maps/paths-nocase.map':
    case 'maps/path-lengths.map':
    case 'maps/path-lengths-nocase.map':
    case 'maps/hosts.map':
    case 'maps/wildcards.map':
      for (const route of table.routes) {
        if (fileOf(route) === map) yield routeRow(route, pathMatch);
        else if (lengthFileOf(route) === map) yield lengthRow(route, map, pathMatch);
      }
      return;
    case 'maps/app-ids.map':
      for (const route of table.appIds) yield appIdRow(route);
      return;
    case 'maps/ports.map':
    case 'maps/port-modes.map':
      for (const service of table.services) for (const row of portRows(service)) if (row.map === map) yield row;
      return;
    case 'maps/redirect.map':
    case 'maps/hsts.map':
    case 'maps/check-paths.map':
      for (const backend of table.backends) yield* rowsOfBackend(backend, map);
      return;
    default:
      unreachable(map);
  }
}

/** All that the maps say about a route, in the order in which rows are added: one that leads somewhere comes last. */
export function routeRows(route: Route, pathMatch: PathMatch): readonly MapRow[] {
  const map = lengthFileOf(route);
  return map === undefined
    ? [routeRow(route, pathMatch)]
    : [lengthRow(route, map, pathMatch), routeRow(route, pathMatch)];
}

/** The row that leads to a route's backend. */
function routeRow(route: Route, pathMatch: PathMatch): MapRow {
  return { map: fileOf(route), key: rowText(keyOf(route, pathMatch)), value: rowText(route.backend) };
}

/** No map tells how long the prefix was that it found; where both maps of paths found one, the frontends compare these. */
function lengthRow(route: Route, map: MapFile, pathMatch: PathMatch): MapRow {
  const key = rowText(keyOf(route, pathMatch));
  return { map, key, value: `${key.length}` };
}

/** The row that leads to an app's backend by its id. */
export function appIdRow({ appId, backend }: AppIdRoute): MapRow {
  return { map: 'maps/app-ids.map', key: rowText(appId), value: rowText(backend) };
}

/** All that the maps say about a service that the frontend of the range listens for; the row that leads somewhere comes last. */
export function portRows({ inRange, binds, mode, backend }: ServiceFrontend): readonly MapRow[] {
  if (inRange === undefined) return [];
  return binds.flatMap(({ port }): readonly MapRow[] => [
    ...(mode === 'http' ? [{ map: 'maps/port-modes.map', key: `${port}`, value: 'http' } as const] : []),
    { map: 'maps/ports.map', key: `${port}`, value: rowText(backend) },
  ]);
}

/** Maps that say something about a backend. */
const BACKEND_MAPS = ['maps/redirect.map', 'maps/hsts.map', 'maps/check-paths.map'] as const;

/** All that the maps say about a backend. */
export function backendRows(backend: Backend): readonly MapRow[] {
  return BACKEND_MAPS.flatMap((map) => rowsOfBackend(backend, map));
}

function rowsOfBackend(backend: Backend, map: (typeof BACKEND_MAPS)[number]): readonly MapRow[] {
  switch (map) {
    case 'maps/redirect.map':
      return backend.redirectToHttps === undefined ? [] : [{ map, key: rowText(backend.name), value: '1' }];
    case 'maps/hsts.map':
      return backend.hsts === undefined ? [] : [{ map, key: rowText(backend.name), value: '1' }];
    case 'maps/check-paths.map':
      return isHttpCheck(backend.profile) ? checkPathRows(backend) : [];
    default:
      return unreachable(map);
  }
}

function fileOf(route: Route): MapFile {
  if (route.path !== undefined) return route.ignoreCase ? 'maps/paths-nocase.map' : 'maps/paths.map';
  return route.match === 'wildcard' ? 'maps/wildcards.map' : 'maps/hosts.map';
}

function lengthFileOf({ path, ignoreCase }: Route): MapFile | undefined {
  if (path === undefined) return undefined;
  return ignoreCase ? 'maps/path-lengths-nocase.map' : 'maps/path-lengths.map';
}

/** Host, or host and path. Rows and looked-up keys end in `/` where only whole segments may match. */
function keyOf({ host, path, ignoreCase }: Route, pathMatch: PathMatch): string {
  return path === undefined ? host : host + prefixKey({ path, ignoreCase }, pathMatch);
}

/** One row for the backend, and one for each server whose task's own version wants another path. The longest key wins. */
function checkPathRows(backend: Backend): readonly MapRow[] {
  const row = (key: string, path: string): MapRow => ({
    map: 'maps/check-paths.map',
    key: rowText(key),
    value: rowText(path),
  });
  const rows = [row(`${backend.name}/`, backend.checkPath)];
  for (const { name, check } of backend.servers) {
    if (check?.path !== undefined && check.path !== backend.checkPath) {
      rows.push(row(`${backend.name}/${name}/`, check.path));
    }
  }
  return rows;
}

/** Whether servers are asked over HTTP: then there is a path to ask for. */
export function isHttpCheck({ check }: Profile): boolean {
  return check === 'http' || check === 'https';
}

const NOT_IN_A_ROW = /[\u0000- \u007f-\u00a0\u2028\u2029]|^#/g;

/**
 * A map row is `key value`, one a line, `#` starts a comment. The core's labels were checked; should anything else ever
 * get here, it is percent-encoded as a client would have to send it, and stays one row.
 */
function rowText(text: string): string {
  return text.replace(NOT_IN_A_ROW, (c) => (c === '#' ? '%23' : encodeURIComponent(c)));
}
