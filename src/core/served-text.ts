import type { RenderedConfig } from './config.ts';
import { appOf } from './problem.ts';
import {
  byHostAndPath,
  byPort,
  ROUTE_MAPS,
  type Served,
  type ServedBackend,
  type ServedRoute,
  type ServedService,
} from './served.ts';

/**
 * What a configuration routes, read back from its own files. This is how the routes of the generation that runs are known
 * also after a restart with Marathon gone, when no table was ever built.
 */
export function servedByText(config: RenderedConfig): Served {
  const { backends, services } = readSections(config);
  services.push(...rangedServices(config, backends));
  const routes = ROUTE_MAPS.flatMap(({ file, ignoreCase }) =>
    readMap(config.files.get(file) ?? '', ignoreCase, backends),
  );
  return { routes: routes.sort(byHostAndPath), services: services.sort(byPort), backends };
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

/** What the frontend of the service-port range leads to: its ports are rows. */
function rangedServices(config: RenderedConfig, backends: ReadonlyMap<string, ServedBackend>): ServedService[] {
  const rows = config.files.get('maps/ports.map') ?? '';
  if (rows === '') return [];
  const address = rangeAddress(config.files.get('haproxy.cfg') ?? '');
  return rows.split('\n').flatMap((line) => {
    const [port, backend] = line.split(' ');
    const app = backend === undefined ? undefined : backends.get(backend)?.app;
    if (port === undefined || backend === undefined || app === undefined) return [];
    return [{ address, port: Number(port), backend, app }];
  });
}

/** The address of a service in the range: that of the first bind of the range's frontend. */
export function rangeAddress(text: string): string {
  const where = /^frontend portolan_services [\s\S]*?^ {2}bind '?([^\s']+):/m.exec(text)?.[1];
  return (where ?? '*').replace(/^\[|\]$/g, '');
}

function readBind(where: string): { address: string; port: number } | undefined {
  const colon = where.lastIndexOf(':');
  const port = Number(where.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port)) return undefined;
  const address = where.slice(0, colon).replace(/^\[|\]$/g, '');
  return { address: address === '' ? '*' : address, port };
}
