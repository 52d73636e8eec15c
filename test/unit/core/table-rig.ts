import type {
  App,
  AppId,
  Endpoint,
  HealthCheck,
  Instant,
  NetworkMode,
  Port,
  Snapshot,
  Task,
  TaskId,
  Version,
} from '../../../src/core/app.ts';
import { type BuiltTable, buildRoutingTable } from '../../../src/core/build.ts';
import { type CertificateSet, NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { type Memory, NO_MEMORY } from '../../../src/core/memory.ts';
import type { Settings } from '../../../src/core/settings.ts';

export const SETTINGS: Settings = {
  marathon: ['http://127.0.0.1:8080'],
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
  httpBind: [{ address: '*', port: 80 }],
  httpsBind: [{ address: '*', port: 443 }],
  appidBind: [{ address: '*', port: 9091 }],
  statsBind: [{ address: '127.0.0.1', port: 9090 }],
  sslCerts: [],
  minServPortIpPerTask: 10_050,
  maxServPortIpPerTask: 10_100,
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
  hardStopAfter: 3_600_000,
  maxReloads: 10,
  reloadBudget: 60,
  maxOldWorkers: 10,
  oldWorkersMemory: 2048,
  peer: [],
  adminBind: { address: '127.0.0.1', port: 9092 },
  logLevel: 'info',
};

export const CERTIFICATES: CertificateSet = {
  folders: ['/certs'],
  usable: [
    { path: '/etc/ssl/default.pem', names: ['example.com'], notAfter: '2099-01-01T00:00:00.000Z' },
    { path: '/certs/web.pem', names: ['web.example'], notAfter: '2099-01-01T00:00:00.000Z' },
  ],
  refused: [{ path: '/certs/broken.pem', reason: 'the key does not fit' }],
  authorities: ['/certs/ca.pem', '/elsewhere/ca.pem'],
};

export interface AppInput {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly (Partial<Port> | number)[];
  readonly tasks?: number | readonly Task[];
  readonly network?: NetworkMode;
  readonly healthChecks?: readonly HealthCheck[];
  readonly version?: string;
  readonly scaledAt?: string;
}

export const version = (text: string): Version => text as Version;
export const appId = (text: string): AppId => text as AppId;

let freshPort = 20_000;

/** An app in host mode with one port and one running task, unless told otherwise. */
export function app(id: string, input: AppInput = {}): App {
  const ports = (input.ports ?? [10_000]).map(
    (port, index): Port => ({ index, protocol: 'tcp', ...(typeof port === 'number' ? { servicePort: port } : port) }),
  );
  const own = version(input.version ?? '2024-01-01T00:00:00.000Z');
  const healthChecks = input.healthChecks ?? [];
  const { tasks = 1 } = input;
  return {
    id: appId(id),
    version: own,
    configVersion: own,
    ...(input.scaledAt === undefined ? {} : { scaledAt: version(input.scaledAt) }),
    instances: typeof tasks === 'number' ? tasks : tasks.length,
    labels: new Map(Object.entries(input.labels ?? {})),
    network: input.network ?? 'host',
    ports,
    healthChecks,
    tasks:
      typeof tasks === 'number'
        ? Array.from({ length: tasks }, (_, index) =>
            task(`${id.slice(1).replaceAll('/', '_')}.t${index}`, {
              version: own,
              healthChecks,
              endpoints: ports.map((port) => endpoint(port.index, freshPort++)),
              ...(healthChecks.length > 0 ? { health: 'healthy' } : {}),
            }),
          )
        : tasks,
    deployments: [],
  };
}

export const endpoint = (portIndex: number, port: number, address = '10.0.0.1'): Endpoint => ({
  portIndex,
  port,
  address,
});

export function task(id: string, input: Partial<Omit<Task, 'id'>> = {}): Task {
  return {
    id: id as TaskId,
    version: version('2024-01-01T00:00:00.000Z'),
    state: 'running',
    health: 'none',
    host: 'agent1',
    hostAddress: '10.0.0.1',
    endpoints: [endpoint(0, 31_000)],
    missing: [],
    healthChecks: [],
    ...input,
  };
}

export const check = (input: Partial<HealthCheck> = {}): HealthCheck => ({
  protocol: 'HTTP',
  path: '/',
  portIndex: 0,
  intervalSeconds: 10,
  timeoutSeconds: 5,
  maxConsecutiveFailures: 3,
  ...input,
});

export const snapshot = (...apps: readonly App[]): Snapshot => ({ takenAt: 0 as Instant, apps });

export function build(
  apps: readonly App[],
  {
    settings = {},
    certificates = NO_CERTIFICATES,
    memory = NO_MEMORY,
  }: { settings?: Partial<Settings>; certificates?: CertificateSet; memory?: Memory } = {},
): BuiltTable {
  return buildRoutingTable(snapshot(...apps), { ...SETTINGS, ...settings }, certificates, memory);
}

/** What a table routes, short enough to compare: `host/path -> backend`, `address:port -> backend`. */
export const routesOf = ({ value }: BuiltTable): readonly string[] =>
  value.routes.map((route) => `${route.host}${route.path ?? ''}${route.ignoreCase ? ' -i' : ''} -> ${route.backend}`);
export const bindsOf = ({ value }: BuiltTable): readonly string[] =>
  value.services.flatMap((service) =>
    service.binds.map((bind) => `${bind.address}:${bind.port} -> ${service.backend}`),
  );
export const codesOf = ({ problems }: BuiltTable): readonly string[] =>
  problems.map(
    ({ code, origin }) => `${code} ${origin.from === 'label' ? origin.label : origin.from === 'app' ? origin.app : ''}`,
  );
