import { readFileSync } from 'node:fs';
import type { AppId, TaskId, Version } from '../../src/core/app.ts';
import { TEMPLATE_NAMES, type TemplateName, type TemplateSources } from '../../src/core/config.ts';
import type { Origin } from '../../src/core/problem.ts';
import type {
  AppIdRoute,
  Backend,
  BackendName,
  Profile,
  Route,
  RoutingTable,
  Server,
  ServerName,
  ServiceBind,
  ServiceFrontend,
} from '../../src/core/routing.ts';
import type { Settings } from '../../src/core/settings.ts';

/** Makes routing tables by hand: small words for what a test wants, plain defaults for the rest. */

export const appId = (id: string): AppId => id as AppId;
export const backendName = (name: string): BackendName => name as BackendName;
const ofApp = (app: string): Origin => ({ from: 'app', app: appId(app) });
/** A value that a label of the app asked for. */
export const asked = <T>(value: T, app = '/app', label = 'HAPROXY_0_X'): { value: T; origin: Origin } => ({
  value,
  origin: { from: 'label', app: appId(app), label },
});

export const HTTP_PROFILE: Profile = {
  mode: 'http',
  balance: 'roundrobin',
  sticky: false,
  check: 'none',
  checkTimeout: 2,
};
export const TCP_PROFILE: Profile = { ...HTTP_PROFILE, mode: 'tcp' };

/** A server on loopback, named as marathon-lb names it. */
export function server(port: number, over: Partial<Server> = {}): Server {
  const address = over.endpoint?.address ?? '127.0.0.1';
  const name = `${address.replaceAll(/[^0-9a-z]/g, '_')}_${port}`;
  return {
    name: name as ServerName,
    id: (port % 32_767) + 1,
    task: `task.${port}` as TaskId,
    taskVersion: '' as Version,
    endpoint: { portIndex: 0, address, port },
    admission: 'ready',
    ...over,
  };
}

/** The backend `<name>` of app `/<name without port>`. */
export function backend(name: string, over: Partial<Backend> = {}): Backend {
  const app = `/${name.replace(/_\d+$/, '')}`;
  const origin = ofApp(app);
  return {
    name: backendName(name),
    app: appId(app),
    portIndex: 0,
    profile: HTTP_PROFILE,
    profileOrigins: { mode: origin, balance: origin, sticky: origin, check: origin, checkTimeout: origin },
    checkPath: '/',
    servers: [],
    origin,
    ...over,
  };
}

/** `host`, `host/path` or `*.host/path` to a backend. */
export function route(where: string, to: string, ignoreCase = false): Route {
  const slash = where.indexOf('/');
  const host = slash < 0 ? where : where.slice(0, slash);
  return {
    match: host.startsWith('*.') ? 'wildcard' : 'host',
    host: host.replace(/^\*/, ''),
    ...(slash < 0 ? {} : { path: where.slice(slash) }),
    ignoreCase,
    backend: backendName(to),
    app: appId('/app'),
    portIndex: 0,
    origin: ofApp('/app'),
  };
}

/** An app id that the :9091 frontend looks up. */
export const appIdRoute = (id: string, to: string): AppIdRoute => ({
  appId: id,
  backend: backendName(to),
  app: appId(id),
});

/** The service frontend of a backend. */
export function service(of: Backend, binds: readonly (number | ServiceBind)[]): ServiceFrontend {
  return {
    name: of.name,
    mode: of.profile.mode,
    binds: binds.map((bind) => (typeof bind === 'number' ? { address: '127.0.0.1', port: bind, options: [] } : bind)),
    backend: of.name,
    app: of.app,
    portIndex: of.portIndex,
    origin: of.origin,
  };
}

/** A table; backends are sorted by name as the core sorts them. */
export function table(parts: Partial<RoutingTable> = {}): RoutingTable {
  const backends = [...(parts.backends ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { services: [], routes: [], appIds: [], ...parts, backends };
}

/** Settings of a node whose shared frontends listen nowhere, unless said otherwise. */
export function settings(over: Partial<Settings> = {}): Settings {
  return {
    marathon: [],
    marathonInsecure: false,
    group: ['*'],
    healthCheck: true,
    strictMode: false,
    sse: true,
    pollInterval: 30_000,
    guardShare: 30,
    guardRoutes: 5,
    guardHold: 60_000,
    guardAnswers: 3,
    httpBind: [],
    httpsBind: [],
    appidBind: [],
    statsBind: [],
    sslCerts: [],
    minServPortIpPerTask: 0,
    maxServPortIpPerTask: 0,
    pathMatch: 'prefix',
    stateDir: '/var/lib/portolan',
    haproxy: 'haproxy',
    haproxyMode: 'managed',
    runtime: true,
    spareHttp: 0,
    spareSticky: 0,
    spareTcp: 0,
    onStop: 'keep',
    keepGenerations: 10,
    hardStopAfter: 3_610_000,
    maxReloads: 10,
    reloadBudget: 60,
    maxOldWorkers: 10,
    oldWorkersMemory: 2048,
    peer: [],
    adminBind: { address: '127.0.0.1', port: 9092 },
    logLevel: 'info',
    ...over,
  };
}

/** The templates that ship, with some replaced. */
export function templates(over: Partial<Record<TemplateName, string>> = {}): TemplateSources {
  const entries = TEMPLATE_NAMES.map((name) => {
    const file = `templates/${name}.hbs`;
    const shipped = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    return [name, { file, text: over[name] ?? shipped }] as const;
  });
  return Object.fromEntries(entries) as TemplateSources;
}
