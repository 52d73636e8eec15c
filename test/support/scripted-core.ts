import type { App, AppId, Instant, Snapshot, TaskId, Version } from '../../src/core/app.ts';
import { blame } from '../../src/core/blame.ts';
import type { LineOwner, RenderedConfig, TemplateSources } from '../../src/core/config.ts';
import { createMapFiles } from '../../src/core/map-files.ts';
import type { Origin } from '../../src/core/problem.ts';
import { ok } from '../../src/core/result.ts';
import type { Backend, BackendName, RoutingTable, Server, ServerName } from '../../src/core/routing.ts';
import type { Stages } from '../../src/daemon/stages.ts';

/** An app with one host of its own and some servers. `bad`: a text in its backend that the scripted HAProxy refuses. */
export function scriptedApp(id: string, servers = 1, bad?: string): App {
  const version = '2026-01-01T00:00:00.000Z' as Version;
  return {
    id: id as AppId,
    version,
    configVersion: version,
    instances: servers,
    labels: new Map(
      Object.entries({ HAPROXY_0_VHOST: `${id.slice(1)}.example`, ...(bad ? { HAPROXY_0_BAD: bad } : {}) }),
    ),
    network: 'host',
    ports: [{ index: 0, protocol: 'tcp', servicePort: 10_000 }],
    healthChecks: [],
    tasks: Array.from({ length: servers }, (_, n) => ({
      id: `${id.slice(1)}.${n}` as TaskId,
      version,
      state: 'running' as const,
      health: 'none' as const,
      host: '10.0.0.1',
      hostAddress: '10.0.0.1',
      endpoints: [{ portIndex: 0, address: '10.0.0.1', port: 31_000 + n }],
      missing: [],
      healthChecks: [],
    })),
    deployments: [],
  };
}

/** A snapshot, sorted as the contract says. */
export const snapshotOf = (apps: readonly App[], takenAt = 0): Snapshot => ({
  takenAt: takenAt as Instant,
  apps: [...apps].sort((a, b) => (a.id < b.id ? -1 : 1)),
});

/** Every app: one route, one backend. Claims grow with every app ever seen, so that memory has something to lose. */
export const buildScripted: Stages['build'] = (snapshot, _settings, _certificates, memory) => {
  const backends = snapshot.apps.map(backendOf);
  const table: RoutingTable = {
    services: [],
    routes: snapshot.apps.map((app) => ({
      match: 'host',
      host: app.labels.get('HAPROXY_0_VHOST') ?? '',
      ignoreCase: false,
      backend: nameOf(app.id),
      app: app.id,
      portIndex: 0,
      origin: { from: 'app', app: app.id },
    })),
    appIds: [],
    backends,
  };
  const claims = new Map([
    ...memory.claims,
    ...snapshot.apps.map((app) => [`${app.id.slice(1)}.example`, app.id] as const),
  ]);
  return { value: table, problems: [], memory: { ...memory, claims } };
};

/** A configuration in the renderer's shape: one section per backend, owned by its app, and the hosts map. */
export function renderScripted(table: RoutingTable, head: string): RenderedConfig {
  const lines = ['global', `  # ${head}`];
  const owners: LineOwner[] = [{ from: 1, to: 2, origin: { from: 'default' }, section: 'global' }];
  for (const backend of table.backends) {
    const from = lines.length + 1;
    lines.push(`backend ${backend.name}`, `  # ${backend.checkPath}`);
    for (const server of backend.servers) {
      lines.push(`  server ${server.name} ${server.endpoint.address}:${server.endpoint.port}`);
    }
    owners.push({ from, to: lines.length, origin: backend.origin, section: `backend ${backend.name}` });
  }
  const maps = [...createMapFiles('prefix')(table)].map(([name, map]) => [name, map.lines.join('')] as const);
  const files = new Map<string, string>([['haproxy.cfg', `${lines.join('\n')}\n`], ...maps]);
  return { files, owners, digest: [...files.values()].join('\0') };
}

/** The scripted HAProxy has no runtime socket, so nobody asks for parts. */
export const NO_PARTS = {
  fixedSections: () => ok(new Map<string, string>()),
  shapes: {
    shapeOf: () => undefined,
    isPlain: () => false,
    isBare: () => false,
    computesCookies: () => false,
    isAddable: () => false,
    serviceText: () => undefined,
  },
};

/** The scripted core, with the real `blame`. */
export const SCRIPTED_STAGES: Stages = {
  build: buildScripted,
  createRenderer: (sources) => ok({ ...NO_PARTS, render: (table) => ok(renderScripted(table, sources.global.text)) }),
  blame,
};

/** Templates of which only the text of `global` matters. */
export function scriptedTemplates(head: string): TemplateSources {
  const one = { file: 'global.hbs', text: head };
  return {
    global: one,
    defaults: one,
    stats: one,
    'route-lookup': one,
    'http-frontend': one,
    'https-frontend': one,
    'appid-frontend': one,
    'service-range': one,
    'service-frontend': one,
    profile: one,
    userlist: one,
    backend: one,
  };
}

const nameOf = (id: AppId): BackendName => `${id.slice(1)}_10000` as BackendName;

function backendOf(app: App): Backend {
  const origin: Origin = { from: 'app', app: app.id };
  const byDefault: Origin = { from: 'default' };
  return {
    name: nameOf(app.id),
    app: app.id,
    portIndex: 0,
    profile: { mode: 'http', balance: 'roundrobin', sticky: false, check: 'none', checkTimeout: 2 },
    profileOrigins: {
      mode: byDefault,
      balance: byDefault,
      sticky: byDefault,
      check: byDefault,
      checkTimeout: byDefault,
    },
    checkPath: app.labels.get('HAPROXY_0_BAD') ?? '/',
    servers: app.tasks.map(serverOf),
    origin,
  };
}

function serverOf(task: App['tasks'][number], index: number): Server {
  const endpoint = task.endpoints[0] ?? { portIndex: 0, address: '10.0.0.1', port: 1 };
  return {
    name: `10_0_0_1_${endpoint.port}` as ServerName,
    id: index + 1,
    task: task.id,
    taskVersion: task.version,
    endpoint,
    admission: 'ready',
  };
}
