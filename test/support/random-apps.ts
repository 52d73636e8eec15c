import fc from 'fast-check';
import type { Backend, CheckKind, Route, RoutingTable, Server, ServiceFrontend } from '../../src/core/routing.ts';
import { appIdRoute, asked, backend, HTTP_PROFILE, route, server, service, table } from './tables.ts';

/** What one app says. */
interface AppState {
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

interface TaskState {
  readonly port: number;
  readonly maint: boolean;
  readonly path?: string;
}

/** One change of one app. */
export interface AppChange {
  readonly app: number;
  readonly what: (typeof WHATS)[number];
  readonly n: number;
}

const WHATS = [
  'scale',
  'scale',
  'replace',
  'replace',
  'replace-all',
  'return',
  'drain',
  'hosts',
  'hosts',
  'many-hosts',
  'case',
  'check',
  'check-path',
  'task-path',
  'inter',
  'sticky',
  'balance',
  'auth',
  'hsts',
  'redirect',
  'mode',
  'service',
  'range',
  'range',
  'remove',
  'create',
  'create',
  'create',
] as const;

const APPS = 12;
const CHECKS: readonly CheckKind[] = ['none', 'tcp', 'http', 'https'];

/** Any change. */
export const appChange: fc.Arbitrary<AppChange> = fc.record({
  app: fc.nat(APPS - 1),
  what: fc.constantFrom(...WHATS),
  n: fc.nat(9),
});

/** Apps that change, and their routing table; what did not change keeps its identity. */
export interface RandomApps {
  change(change: AppChange): void;
  table(): RoutingTable;
}

/** Half of the apps are there. */
export function createRandomApps(): RandomApps {
  const apps = new Map<number, AppState>();
  const parts = new WeakMap<AppState, AppParts>();
  for (let app = 0; app < APPS / 2; app++) apps.set(app, newApp(app));
  let nextPort = 20_000;

  const partsOf = (app: number, state: AppState): AppParts => {
    const known = parts.get(state) ?? makeParts(app, state);
    parts.set(state, known);
    return known;
  };
  return {
    change({ app, what, n }) {
      const is = apps.get(app);
      if (is === undefined) {
        if (what === 'create' || what === 'scale') apps.set(app, newApp(app));
        return;
      }
      if (what === 'remove') apps.delete(app);
      else apps.set(app, { ...is, ...changed(is, what, n, app, () => nextPort++) });
    },
    table() {
      const all = [...apps].sort(([a], [b]) => a - b).map(([app, state]) => partsOf(app, state));
      return table({
        // What nothing leads to is in no table.
        backends: all.flatMap((part) => (part.appIds.length + part.services.length > 0 ? [part.backend] : [])),
        routes: all.flatMap((part) => part.routes).sort(byHost),
        appIds: all.flatMap((part) => part.appIds).sort((a, b) => (a.appId < b.appId ? -1 : 1)),
        services: all.flatMap((part) => part.services),
      });
    },
  };
}

const byHost = (a: Route, b: Route): number =>
  `${a.host}\n${a.path ?? ''}\n${a.ignoreCase}` < `${b.host}\n${b.path ?? ''}\n${b.ignoreCase}` ? -1 : 1;

const newApp = (app: number): AppState => ({
  tasks: [{ port: 10_000 + app * 10, maint: false }],
  hosts: [`app${app}.example`],
  ignoreCase: false,
  check: CHECKS[app % 3] ?? 'none',
  checkPath: '/health',
  interMs: 5_000,
  sticky: app % 5 === 4,
  leastconn: false,
  auth: false,
  hsts: false,
  redirect: false,
  tcp: false,
  service: app === 1,
  inRange: app % 2 === 1,
});

function changed(is: AppState, what: AppChange['what'], n: number, app: number, port: () => number): Partial<AppState> {
  const fresh = (): TaskState => ({ port: port(), maint: false });
  switch (what) {
    case 'scale': {
      const more = Array.from({ length: Math.max(0, (n % 5) - is.tasks.length) }, fresh);
      return { tasks: [...is.tasks.slice(0, n % 5), ...more] };
    }
    case 'replace':
      return { tasks: [...is.tasks.slice(1), fresh()] };
    case 'replace-all':
      return { tasks: is.tasks.map(fresh) };
    case 'return': {
      const back = 10_000 + app * 10 + (n % 3);
      const there = is.tasks.filter((task) => task.port !== back);
      return { tasks: there.length < is.tasks.length ? there : [...there, { port: back, maint: false }] };
    }
    case 'drain':
      return { tasks: is.tasks.map((task, at) => (at === n % 3 ? { ...task, maint: !task.maint } : task)) };
    case 'hosts':
      return {
        hosts: [[], [`app${app}.example`], [`app${app}.example/a`, `*.app${app}.example`, 'x.example']][n % 3] ?? [],
      };
    case 'many-hosts':
      return { hosts: Array.from({ length: 40 + n * 4 }, (_, at) => `h${at}.app${app}.example${n % 2 ? '/p' : ''}`) };
    case 'case':
      return { ignoreCase: !is.ignoreCase };
    case 'check':
      return { check: CHECKS[n % 4] ?? 'none' };
    case 'check-path':
      return { checkPath: `/health/${n}` };
    case 'task-path':
      return { tasks: is.tasks.map((task, at) => (at === 0 ? { ...task, path: `/own/${n}` } : task)) };
    case 'inter':
      return { interMs: 1_000 * (n + 1) };
    case 'sticky':
      return { sticky: !is.sticky };
    case 'balance':
      return { leastconn: !is.leastconn };
    case 'auth':
      return { auth: !is.auth };
    case 'hsts':
      return { hsts: !is.hsts };
    case 'redirect':
      return { redirect: !is.redirect };
    case 'mode':
      return { tcp: n === 0 };
    case 'service':
      return { service: !is.service };
    case 'range':
      return { inRange: n > 3, service: is.service || n > 5 };
    default:
      return {};
  }
}

interface AppParts {
  readonly backend: Backend;
  readonly routes: readonly Route[];
  readonly appIds: RoutingTable['appIds'];
  readonly services: readonly ServiceFrontend[];
}

function makeParts(app: number, is: AppState): AppParts {
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
