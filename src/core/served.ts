import type { AppId } from './app.ts';
import type { RenderedConfig } from './config.ts';
import { byFirst, byText } from './order.ts';
import type { PathMatch } from './path-match.ts';
import { pathKey, prefixKey } from './path-match.ts';
import { appOf } from './problem.ts';

/**
 * What a configuration routes, read back from its own files. This is how the routes of the generation that runs are known
 * also after a restart with Marathon gone, when no table was ever built.
 */
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
interface ServedService {
  /** `*` or an IP address, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  readonly backend: string;
  readonly app: AppId;
}

/** A backend section with its `server` lines. */
interface ServedBackend {
  readonly app?: AppId;
  readonly servers: readonly { readonly name: string; readonly endpoint: string }[];
}

/** A configuration that routes nothing. */
export const NOTHING_SERVED: Served = { routes: [], services: [], backends: new Map() };

const MAPS = [
  { file: 'maps/hosts.map', ignoreCase: false },
  { file: 'maps/wildcards.map', ignoreCase: false },
  { file: 'maps/paths.map', ignoreCase: false },
  { file: 'maps/paths-nocase.map', ignoreCase: true },
] as const;

const remembered = new WeakMap<RenderedConfig, Served>();

/** Reads a configuration's routes. Remembered by the configuration's identity, as it never changes. */
export function servedBy(config: RenderedConfig): Served {
  const known = remembered.get(config);
  if (known !== undefined) return known;
  const { backends, services } = readSections(config);
  services.push(...rangedServices(config, backends));
  const routes = MAPS.flatMap(({ file, ignoreCase }) => readMap(config.files.get(file) ?? '', ignoreCase, backends));
  const served = { routes: routes.sort(byHostAndPath), services: services.sort(byPort), backends };
  remembered.set(config, served);
  return served;
}

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
    rows
      .filter((row) => row.match === match && row.host === key && covers(row, pathMatch, path))
      .sort((a, b) =>
        byFirst(
          rowPath(b, pathMatch).length - rowPath(a, pathMatch).length,
          Number(a.ignoreCase) - Number(b.ignoreCase),
        ),
      );
  const exact = of('host', host);
  return exact.length > 0 ? exact : of('wildcard', parent);
}

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

function readMap(text: string, ignoreCase: boolean, backends: ReadonlyMap<string, ServedBackend>): ServedRoute[] {
  const routes: ServedRoute[] = [];
  for (const line of text.split('\n')) {
    const [key, backend] = line.trim().split(/\s+/);
    if (key === undefined || backend === undefined || key.startsWith('#')) continue;
    const slash = key.indexOf('/');
    const host = slash < 0 ? key : key.slice(0, slash);
    const app = backends.get(backend)?.app;
    routes.push({
      match: host.startsWith('.') ? 'wildcard' : 'host',
      host,
      ...(slash < 0 ? {} : { path: key.slice(slash) }),
      ignoreCase,
      backend,
      ...(app === undefined ? {} : { app }),
    });
  }
  return routes;
}

function readSections(config: RenderedConfig): { backends: Map<string, ServedBackend>; services: ServedService[] } {
  const lines = (config.files.get('haproxy.cfg') ?? '').split('\n');
  const backends = new Map<string, ServedBackend>();
  const services: ServedService[] = [];
  for (const owner of config.owners) {
    const [kind, name] = owner.section.split(' ');
    const app = appOf(owner.origin);
    if (name === undefined || (kind !== 'backend' && kind !== 'frontend')) continue;
    const own = lines.slice(owner.from - 1, owner.to).map((line) => line.trim().split(/\s+/));
    if (kind === 'backend') {
      const servers = own.flatMap(([word, server, endpoint]) =>
        word === 'server' && server !== undefined && endpoint !== undefined ? [{ name: server, endpoint }] : [],
      );
      const before = backends.get(name);
      const owned = before?.app ?? app;
      backends.set(name, {
        ...(owned === undefined ? {} : { app: owned }),
        servers: [...(before?.servers ?? []), ...servers],
      });
    } else if (app !== undefined) {
      const backend = own.find(([word]) => word === 'default_backend')?.[1] ?? name;
      for (const [word, where] of own) {
        const bind = word === 'bind' && where !== undefined ? readBind(where) : undefined;
        if (bind !== undefined) services.push({ ...bind, backend, app });
      }
    }
  }
  return { backends, services };
}

/** What the frontend of the service-port range leads to: its address is its first bind's, its ports are rows. */
function rangedServices(config: RenderedConfig, backends: ReadonlyMap<string, ServedBackend>): ServedService[] {
  const rows = config.files.get('maps/ports.map') ?? '';
  if (rows === '') return [];
  const where = /^frontend portolan_services [\s\S]*?^ {2}bind '?([^\s']+):/m.exec(
    config.files.get('haproxy.cfg') ?? '',
  )?.[1];
  return rows.split('\n').flatMap((line) => {
    const [port, backend] = line.split(' ');
    const app = backend === undefined ? undefined : backends.get(backend)?.app;
    if (port === undefined || backend === undefined || app === undefined) return [];
    return [{ address: (where ?? '*').replace(/^\[|\]$/g, ''), port: Number(port), backend, app }];
  });
}

function readBind(where: string): { address: string; port: number } | undefined {
  const colon = where.lastIndexOf(':');
  const port = Number(where.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port)) return undefined;
  const address = where.slice(0, colon).replace(/^\[|\]$/g, '');
  return { address: address === '' ? '*' : address, port };
}

const byHostAndPath = (a: ServedRoute, b: ServedRoute): number =>
  byFirst(byText(a.host, b.host), byText(a.path ?? '', b.path ?? ''), byText(a.backend, b.backend));

const byPort = (a: ServedService, b: ServedService): number => byFirst(a.port - b.port, byText(a.address, b.address));
