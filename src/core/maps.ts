import type { Backend, Profile, Route, RoutingTable } from './routing.ts';

/** The map files of every generation; each always exists, also when it is empty. */
export const MAP_FILES = [
  'maps/paths.map',
  'maps/paths-nocase.map',
  'maps/hosts.map',
  'maps/wildcards.map',
  'maps/redirect.map',
  'maps/hsts.map',
  'maps/check-paths.map',
  'maps/app-ids.map',
] as const;
/** One of the map files. */
export type MapFile = (typeof MAP_FILES)[number];

/** What the frontends and profiles look up, by file: everything about an app that needs no text of its own. */
export function renderMaps(table: RoutingTable, pathMatch: 'prefix' | 'segment'): ReadonlyMap<MapFile, string> {
  const rows: Record<MapFile, string[]> = {
    'maps/paths.map': [],
    'maps/paths-nocase.map': [],
    'maps/hosts.map': [],
    'maps/wildcards.map': [],
    'maps/redirect.map': [],
    'maps/hsts.map': [],
    'maps/check-paths.map': [],
    'maps/app-ids.map': [],
  };
  for (const route of table.routes) rows[fileOf(route)].push(row(keyOf(route, pathMatch), route.backend));
  for (const { appId, backend } of table.appIds) rows['maps/app-ids.map'].push(row(appId, backend));
  for (const backend of table.backends) {
    if (backend.redirectToHttps !== undefined) rows['maps/redirect.map'].push(row(backend.name, '1'));
    if (backend.hsts !== undefined) rows['maps/hsts.map'].push(row(backend.name, '1'));
    if (isHttpCheck(backend.profile)) pushCheckPaths(backend, rows['maps/check-paths.map']);
  }
  return new Map(MAP_FILES.map((file) => [file, rows[file].join('')]));
}

function fileOf(route: Route): MapFile {
  if (route.path !== undefined) return route.ignoreCase ? 'maps/paths-nocase.map' : 'maps/paths.map';
  return route.match === 'wildcard' ? 'maps/wildcards.map' : 'maps/hosts.map';
}

/** Host, or host and path. Rows and looked-up keys end in `/` where only whole segments may match. */
function keyOf(route: Route, pathMatch: 'prefix' | 'segment'): string {
  if (route.path === undefined) return route.host;
  const path = route.ignoreCase ? route.path.toLowerCase() : route.path;
  return route.host + (pathMatch === 'segment' && !path.endsWith('/') ? `${path}/` : path);
}

/** One row for the backend, and one for each server whose task's own version wants another path. The longest key wins. */
function pushCheckPaths(backend: Backend, rows: string[]): void {
  rows.push(row(`${backend.name}/`, backend.checkPath));
  for (const { name, check } of backend.servers) {
    if (check?.path !== undefined && check.path !== backend.checkPath) {
      rows.push(row(`${backend.name}/${name}/`, check.path));
    }
  }
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
function row(key: string, value: string): string {
  return `${rowText(key)} ${rowText(value)}\n`;
}

function rowText(text: string): string {
  return text.replace(NOT_IN_A_ROW, (c) => (c === '#' ? '%23' : encodeURIComponent(c)));
}
