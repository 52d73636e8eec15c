import type { AppId } from './app.ts';
import { byFirst, byText } from './order.ts';
import type { PathMatch } from './path-match.ts';
import { pathKey, prefixKey } from './path-match.ts';
import { remembered } from './remembered.ts';

/** What a configuration routes. */
export interface Served {
  /** Sorted by host, path. */
  readonly routes: readonly ServedRoute[];
  /** Sorted by port, address. */
  readonly services: readonly ServedService[];
  /** By backend name. */
  readonly backends: ReadonlyMap<string, ServedBackend>;
}

/** One row of the map files. */
export interface ServedRoute {
  readonly match: 'host' | 'wildcard';
  /** As in the map: lower-cased; a wildcard starts with its dot. */
  readonly host: string;
  readonly path?: string;
  readonly ignoreCase: boolean;
  readonly backend: string;
  /** Owner of the backend's lines; absent for rows that no app owns. */
  readonly app?: AppId;
}

/** One `bind` of an app's own frontend. */
export interface ServedService {
  /** `*` or an IP address, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  readonly backend: string;
  readonly app: AppId;
}

/** A backend section with its `server` lines. */
export interface ServedBackend {
  readonly app?: AppId;
  readonly servers: readonly { readonly name: string; readonly endpoint: string }[];
}

/** A configuration that routes nothing. */
export const NOTHING_SERVED: Served = { routes: [], services: [], backends: new Map() };

/** The map files whose rows lead a host to a backend. */
export const ROUTE_MAPS = [
  { file: 'maps/hosts.map', ignoreCase: false },
  { file: 'maps/wildcards.map', ignoreCase: false },
  { file: 'maps/paths.map', ignoreCase: false },
  { file: 'maps/paths-nocase.map', ignoreCase: true },
] as const;

type Row = Pick<ServedRoute, 'match' | 'host' | 'path' | 'ignoreCase'>;

/**
 * The rows that may answer for a host, the one that HAProxy chooses first: the host's own rows, else those of its wildcard;
 * the longest prefix first, of equal ones the one whose case matters.
 */
export function rowsFor<T extends Row>(
  rows: readonly T[],
  host: string,
  pathMatch: PathMatch,
  path?: string,
): readonly T[] {
  const parent = host.includes('.') ? host.slice(host.indexOf('.')) : undefined;
  const of = (match: 'host' | 'wildcard', key: string | undefined): readonly T[] =>
    (placesByHost(rows).get(key ?? '') ?? [])
      .flatMap((at) => rows[at] ?? [])
      .filter((row) => row.match === match && covers(row, pathMatch, path))
      .sort((a, b) =>
        byFirst(
          rowPath(b, pathMatch).length - rowPath(a, pathMatch).length,
          Number(a.ignoreCase) - Number(b.ignoreCase),
        ),
      );
  const exact = of('host', host);
  return exact.length > 0 ? exact : of('wildcard', parent);
}

/** Where the rows of a host stand. */
const placesByHost = remembered(
  (rows: readonly Row[]): ReadonlyMap<string, readonly number[]> =>
    Map.groupBy(rows.keys(), (at) => rows[at]?.host ?? ''),
);

/** Equal for rows that HAProxy cannot tell apart: maps hold `-i` paths lower-cased, and segment paths with a closing slash. */
export function rowKey(row: Row, pathMatch: PathMatch): string {
  return `${row.match} ${row.host}${rowPath(row, pathMatch)}${row.ignoreCase ? ' -i' : ''}`;
}

function covers(row: Row, pathMatch: PathMatch, path: string | undefined): boolean {
  return path === undefined || pathKey(path, row.ignoreCase, pathMatch).startsWith(rowPath(row, pathMatch));
}

/** As in the map; empty for a whole host. */
function rowPath({ path, ignoreCase }: Row, pathMatch: PathMatch): string {
  return path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch);
}

/** By host, path and backend. */
export const byHostAndPath = (a: ServedRoute, b: ServedRoute): number =>
  byFirst(byText(a.host, b.host), byText(a.path ?? '', b.path ?? ''), byText(a.backend, b.backend));

/** By port and address. */
export const byPort = (a: ServedService, b: ServedService): number =>
  byFirst(a.port - b.port, byText(a.address, b.address));
