import type { JsonRecord } from '../../src/core/json.ts';
import { type Echoes, startTcpEcho } from './echo-servers.ts';

const SERVICE = 21_400;
/** Service ports by app; every other one is somewhere behind. */
export const PORT = {
  closed: SERVICE,
  closedHttp: SERVICE + 1,
  moved: SERVICE + 2,
  address: SERVICE + 3,
  tls13: SERVICE + 4,
  mutual: SERVICE + 5,
  proxied: SERVICE + 6,
  tcp: SERVICE + 7,
  auth: SERVICE + 8,
  badAuth: SERVICE + 9,
  off: SERVICE + 10,
  auto: SERVICE + 11,
  unsafe: SERVICE + 12,
} as const;
const OLD = '2024-01-01T00:00:00.000Z';
const NEW = '2025-01-01T00:00:00.000Z';
// crypt(3) of "secret".
const SECRET = '$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0';

let nextPort = SERVICE + 20;
interface AppInput {
  readonly labels?: Readonly<Record<string, string>>;
  readonly servicePorts?: readonly number[];
  /** Host ports of each task. */
  readonly tasks?: readonly (readonly number[])[];
  readonly more?: JsonRecord;
  readonly version?: string;
}
/** An app in host mode, as Marathon shows it. */
function app(
  id: string,
  { labels = {}, servicePorts = [nextPort++], tasks = [], more = {}, version = OLD }: AppInput,
): JsonRecord {
  return {
    id,
    version,
    instances: tasks.length,
    labels: { HAPROXY_GROUP: 'external', HAPROXY_0_BIND_ADDR: '127.0.0.1', ...labels },
    networks: [{ mode: 'host' }],
    portDefinitions: servicePorts.map((port) => ({ port, protocol: 'tcp' })),
    tasks: tasks.map((ports, index) => ({
      id: `${id.slice(1)}.${index}`,
      host: '127.0.0.1',
      ports,
      state: 'TASK_RUNNING',
      version,
    })),
    ...more,
  };
}

/** A cluster in which each label does something to the traffic of an app that is named after it. */
export async function labelledCluster(echoes: Echoes): Promise<readonly JsonRecord[]> {
  /** An app with one HTTP echo of its name. */
  const web = async (name: string, labels: Record<string, string>, more: AppInput = {}) =>
    app(`/${name}`, { labels, tasks: [[await echoes.start(name)]], ...more });
  const several = (...names: readonly string[]) => Promise.all(names.map(async (name) => [await echoes.start(name)]));
  const tls = { HAPROXY_0_SSL_CERT: 'web.pem', HAPROXY_0_MODE: 'http' };
  return [
    await web('names', { HAPROXY_0_VHOST: 'One.example:80,two.example.,*.wild.example' }),
    await web('paths', { HAPROXY_0_VHOST: 'one.example', HAPROXY_0_PATH: '/a /b/c' }),
    await web('deeper', { HAPROXY_0_VHOST: 'one.example', HAPROXY_0_PATH: '-i /A/Deep' }),
    await web('heavy', { HAPROXY_0_VHOST: 'heavy.example', HAPROXY_0_BACKEND_WEIGHT: '5' }),
    await web('covered', { HAPROXY_0_VHOST: 'heavy.example', HAPROXY_0_PATH: '/api' }),
    await web('second', { HAPROXY_0_VHOST: 'two.example' }, { version: NEW }),
    await web('unindexed', { HAPROXY_VHOST: 'plain.example' }),
    app('/idle', { labels: { HAPROXY_0_VHOST: 'idle.example' }, servicePorts: [PORT.closedHttp] }),
    app('/closed', { servicePorts: [PORT.closed] }),
    await web('moved', { HAPROXY_0_PORT: `${PORT.moved}`, HAPROXY_0_MODE: 'http' }),
    await web(
      'address',
      { HAPROXY_0_MODE: 'http', HAPROXY_0_BIND_ADDR: '127.0.0.2,::1' },
      { servicePorts: [PORT.address] },
    ),
    await web(
      'tls13',
      { ...tls, HAPROXY_0_BIND_OPTIONS: 'ssl-min-ver TLSv1.3 alpn h2' },
      { servicePorts: [PORT.tls13] },
    ),
    await web(
      'mutual',
      { ...tls, HAPROXY_0_BIND_OPTIONS: 'verify required ca-file web.pem' },
      { servicePorts: [PORT.mutual] },
    ),
    await web(
      'unsafe',
      { HAPROXY_0_BIND_OPTIONS: 'ssl crt web.pem', HAPROXY_0_MODE: 'http' },
      { servicePorts: [PORT.unsafe] },
    ),
    await web(
      'proxied',
      { HAPROXY_0_MODE: 'http', HAPROXY_0_BIND_OPTIONS: 'accept-proxy' },
      { servicePorts: [PORT.proxied] },
    ),
    app('/tcp', {
      labels: { HAPROXY_0_MODE: 'tcp' },
      servicePorts: [PORT.tcp],
      tasks: [[await echoes.start('tcp', startTcpEcho)]],
    }),
    app('/first', {
      labels: { HAPROXY_0_VHOST: 'first.example', HAPROXY_0_BALANCE: 'first' },
      tasks: await several('first-a', 'first-b'),
    }),
    app('/hashed', {
      labels: { HAPROXY_0_VHOST: 'hashed.example', HAPROXY_0_BALANCE: 'hdr(x-key)' },
      tasks: await several('hashed-a', 'hashed-b', 'hashed-c'),
    }),
    app('/sticky', {
      labels: { HAPROXY_0_VHOST: 'sticky.example', HAPROXY_0_STICKY: 'true' },
      tasks: await several('sticky-a', 'sticky-b'),
    }),
    await web('secure', {
      HAPROXY_0_VHOST: 'secure.example',
      HAPROXY_0_REDIRECT_TO_HTTPS: 'true',
      HAPROXY_0_USE_HSTS: 'true',
    }),
    await web(
      'auth',
      { HAPROXY_0_VHOST: 'auth.example', HAPROXY_0_AUTH: `private:ops:${SECRET}` },
      { servicePorts: [PORT.auth] },
    ),
    await web(
      'bad-auth',
      { HAPROXY_0_VHOST: 'bad-auth.example', HAPROXY_0_AUTH: 'ops:secret' },
      { servicePorts: [PORT.badAuth] },
    ),
    await web('bad-net', {
      HAPROXY_0_VHOST: 'bad-net.example',
      HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '127.0.0.0/8 all',
    }),
    await web('net', { HAPROXY_0_VHOST: 'net.example', HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '10.0.0.0/8' }),
    await web('pass', { HAPROXY_0_VHOST: 'pass.example', HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH: '/app' }),
    await web('rev', { HAPROXY_0_VHOST: 'rev.example', HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH: '/app' }),
    await web('root', { HAPROXY_0_VHOST: 'root.example', HAPROXY_0_HTTP_BACKEND_REDIR: '/login' }),
    await web('off', { HAPROXY_0_VHOST: 'off.example', HAPROXY_0_ENABLED: 'false' }, { servicePorts: [PORT.off] }),
    await web('foreign', { HAPROXY_0_VHOST: 'foreign.example', HAPROXY_0_GROUP: 'internal' }),
    app('/checked', {
      labels: {
        HAPROXY_0_VHOST: 'checked.example',
        HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1',
        HAPROXY_1_ENABLED: 'false',
      },
      servicePorts: [nextPort++, nextPort++],
      tasks: [[await echoes.start('checked'), await echoes.start('checker')]],
      more: {
        healthChecks: [{ protocol: 'HTTP', path: '/health', portIndex: 1, intervalSeconds: 1 }],
      },
    }),
    app('/blue', {
      labels: {
        HAPROXY_DEPLOYMENT_GROUP: 'colour',
        HAPROXY_DEPLOYMENT_STARTED_AT: OLD,
        HAPROXY_0_VHOST: 'colour.example',
      },
      tasks: await several('blue-0', 'blue-1'),
    }),
    app('/green', {
      labels: { HAPROXY_DEPLOYMENT_GROUP: 'colour', HAPROXY_DEPLOYMENT_STARTED_AT: NEW },
      tasks: await several('green-0'),
    }),
    app('/auto', {
      labels: { HAPROXY_0_MODE: 'http' },
      more: {
        networks: [{ mode: 'container', name: 'dcos' }],
        container: { portMappings: [{ containerPort: await echoes.start('auto'), protocol: 'tcp' }] },
        tasks: [
          {
            id: 'auto.0',
            host: '127.0.0.1',
            ports: [],
            ipAddresses: [{ ipAddress: '127.0.0.1' }],
            state: 'TASK_RUNNING',
            version: OLD,
          },
        ],
      },
    }),
  ];
}
