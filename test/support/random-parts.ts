import type { Backend, CheckKind, Route, RoutingTable, Server, ServiceFrontend } from '../../src/core/routing.ts';
import { appIdRoute, asked, backend, HTTP_PROFILE, route, server, service } from './tables.ts';

/** What one app says. */
export interface AppState {
  readonly tasks: readonly TaskState[];
  readonly hosts: readonly string[];
  readonly ignoreCase: boolean;
  readonly check: CheckKind;
  readonly checkPath: string;
  readonly interMs: number;
  readonly sticky: boolean;
  readonly leastconn: boolean;
  readonly auth: boolean;
  readonly hsts: boolean;
  readonly redirect: boolean;
  readonly tcp: boolean;
  readonly service: boolean;
  readonly inRange: boolean;
}

/** One task. */
export interface TaskState {
  readonly port: number;
  readonly maint: boolean;
  readonly path?: string;
}

/** What an app is in a routing table. */
export interface AppParts {
  readonly backend: Backend;
  readonly routes: readonly Route[];
  readonly appIds: RoutingTable['appIds'];
  readonly services: readonly ServiceFrontend[];
}

/** What an app's words make of it. */
export function makeParts(app: number, is: AppState): AppParts {
  const name = `app${app}_${10_000 + app}`;
  const sticky = is.sticky && !is.tcp;
  const of = backend(name, {
    profile: {
      ...HTTP_PROFILE,
      mode: is.tcp ? 'tcp' : 'http',
      balance: is.leastconn ? 'leastconn' : 'roundrobin',
      sticky,
      check: is.tcp && is.check !== 'none' ? 'tcp' : is.check,
      checkTimeout: is.check === 'none' ? 2 : 10,
    },
    checkPath: is.checkPath,
    ...(is.auth && !is.tcp ? { auth: asked({ realm: 'r', user: 'u', passwordHash: '$5$x' }) } : {}),
    ...(is.hsts ? { hsts: asked(true as const) } : {}),
    ...(is.redirect ? { redirectToHttps: asked(true as const) } : {}),
    servers: serversOf(is, sticky),
  });
  // One host that everybody wants: the lowest app has it, as a contest would decide.
  const hosts = is.hosts.map((host) => (host === 'x.example' ? `x.example/app${app}` : host));
  const routes = is.tcp ? [] : hosts.map((host) => route(host, name, is.ignoreCase && host.includes('/')));
  const listens = service(of, [10_000 + app]);
  return {
    backend: of,
    routes,
    appIds: is.tcp ? [] : [appIdRoute(`/app${app}`, name)],
    services: is.service && is.tasks.length > 0 ? [is.inRange ? { ...listens, inRange: true } : listens] : [],
  };
}

/** Few ids, so that they collide. */
function serversOf(is: AppState, sticky: boolean): readonly Server[] {
  const taken = new Set<number>();
  const tasks = [...is.tasks].sort((a, b) => a.port - b.port);
  return tasks.map(({ port, maint, path }) => {
    let id = (port % 5) + 1;
    while (taken.has(id)) id++;
    taken.add(id);
    const check = { tls: is.check === 'https', interMs: is.interMs, fall: 3, ...(path === undefined ? {} : { path }) };
    return server(port, {
      id,
      admission: maint ? 'maint' : 'ready',
      ...(is.check === 'none' ? {} : { check }),
      ...(sticky ? { cookie: `c${port}` } : {}),
    });
  });
}
