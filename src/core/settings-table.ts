import { portRange } from './port-range.ts';
import type { LogLevel } from './settings.ts';
import { GUARD_SETTINGS } from './settings-guard.ts';
import { HAPROXY_SETTINGS } from './settings-haproxy.ts';
import { bind, binds, choice, duration, masterUrls, names, path, paths, toggle, whole } from './settings-kinds.ts';
import { PEER_SETTINGS } from './settings-peers.ts';
import { ROUTING, type SettingsTable } from './settings-spec.ts';

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** Every knob once, in the order of the help. */
export const SETTINGS_TABLE: SettingsTable = {
  marathon: {
    flag: 'marathon',
    kind: masterUrls,
    help: 'base URL of a Marathon master; give all of them, the next one is asked when one fails',
    example: 'http://10.0.0.1:8080',
  },
  apps: {
    flag: 'apps',
    kind: path,
    help: 'file with a saved answer of /v2/apps?embed=apps.tasks to read instead of a Marathon',
    example: 'apps.json',
    commands: ROUTING,
  },
  group: {
    flag: 'group',
    kind: names,
    help: 'serve apps whose HAPROXY_GROUP is this; * serves every app',
    example: 'external',
    commands: ROUTING,
  },
  marathonAuthFile: {
    flag: 'marathon-auth-file',
    kind: path,
    help: 'file with user:password for Marathon; read again when it changes',
    example: '/etc/portolan/marathon-auth',
  },
  marathonTokenFile: {
    flag: 'marathon-token-file',
    kind: path,
    help: 'file with a bearer token for Marathon; read again when it changes',
    example: '/etc/portolan/marathon-token',
  },
  marathonCa: {
    flag: 'marathon-ca',
    kind: path,
    help: "PEM file with the authorities that may sign Marathon's certificate, instead of the system's",
    example: '/etc/portolan/marathon-ca.pem',
  },
  marathonCert: {
    flag: 'marathon-cert',
    kind: path,
    help: 'client certificate (PEM) to show to Marathon; needs --marathon-key',
    example: '/etc/portolan/client.pem',
  },
  marathonKey: {
    flag: 'marathon-key',
    kind: path,
    help: 'private key (PEM) of --marathon-cert',
    example: '/etc/portolan/client.key',
  },
  marathonInsecure: {
    flag: 'marathon-insecure',
    kind: toggle,
    default: 'false',
    help: "do not verify Marathon's certificate: for tests only",
  },
  healthCheck: {
    flag: 'health-check',
    kind: toggle,
    default: 'true',
    help: 'route to a task with health checks only once Marathon found it healthy',
    commands: ROUTING,
  },
  strictMode: {
    flag: 'strict-mode',
    kind: toggle,
    default: 'false',
    help: 'serve only ports with HAPROXY_{n}_ENABLED set to true',
    example: 'true',
    commands: ROUTING,
  },
  sse: {
    flag: 'sse',
    kind: toggle,
    default: 'true',
    help: "listen to Marathon's event stream; without it Marathon is only polled",
  },
  pollInterval: {
    flag: 'poll-interval',
    kind: duration(100, 86_400_000),
    default: '30s',
    help: 'time between full reads of Marathon, also while the event stream is up',
  },
  httpBind: {
    flag: 'http-bind',
    kind: binds,
    default: '*:80',
    help: 'where HAProxy takes HTTP, as address:port list, or off',
    example: '*:80,[::]:80',
    commands: ROUTING,
  },
  httpsBind: {
    flag: 'https-bind',
    kind: binds,
    default: '*:443',
    help: 'where HAProxy takes HTTPS, as address:port list, or off',
    example: '*:443,[::]:443',
    commands: ROUTING,
  },
  appidBind: {
    flag: 'appid-bind',
    kind: binds,
    default: '*:9091',
    help: 'where HAProxy routes by the header X-Marathon-App-Id, as address:port list, or off',
    example: '127.0.0.1:9091',
    commands: ROUTING,
  },
  statsBind: {
    flag: 'stats-bind',
    kind: binds,
    default: '127.0.0.1:9090',
    help: 'where HAProxy shows its statistics page, as address:port list, or off',
    commands: ROUTING,
  },
  sslCerts: {
    flag: 'ssl-certs',
    kind: paths,
    help: 'PEM files (certificate and key) and folders of them; the first is the default of :443, without any a self-signed one is made',
    example: '/etc/portolan/certs',
    commands: ROUTING,
  },
  minServPortIpPerTask: {
    flag: 'min-serv-port-ip-per-task',
    kind: whole(0, 65535),
    default: '10050',
    help: 'first service port for apps with an IP per task and no service port of their own; 0 with the next flag at 0: none',
    commands: ROUTING,
  },
  maxServPortIpPerTask: {
    flag: 'max-serv-port-ip-per-task',
    kind: whole(0, 65535),
    default: '10100',
    help: 'last service port for apps with an IP per task and no service port of their own',
    commands: ROUTING,
  },
  servicePortRange: {
    flag: 'service-port-range',
    kind: portRange,
    help: 'listen on these service ports from the start, so that a new one needs no reload; all must be free',
    example: '10000-10099',
    commands: ROUTING,
  },
  pathMatch: {
    flag: 'path-match',
    kind: choice(['prefix', 'segment']),
    default: 'prefix',
    help: 'how HAPROXY_{n}_PATH matches: /a also takes /ab (prefix), or only /a and /a/… (segment)',
    example: 'segment',
    commands: ROUTING,
  },
  templates: {
    flag: 'templates',
    kind: path,
    help: 'folder with Handlebars templates that replace the built-in ones of the same name',
    example: '/etc/portolan/templates',
    commands: ROUTING,
  },
  stateDir: {
    flag: 'state-dir',
    kind: path,
    default: '/var/lib/portolan',
    help: 'folder for generations, sockets and memory; must survive restarts',
    commands: ['run', 'routes', 'config', 'status', 'guard'],
  },
  ...GUARD_SETTINGS,
  ...HAPROXY_SETTINGS,
  ...PEER_SETTINGS,
  adminBind: {
    flag: 'admin-bind',
    kind: bind,
    default: '127.0.0.1:9092',
    help: 'where the read-only admin API listens; anything but loopback needs --admin-token-file',
  },
  adminTokenFile: {
    flag: 'admin-token-file',
    kind: path,
    help: 'file with the bearer token that the admin API asks for on TCP; read again when it changes',
    example: '/etc/portolan/admin-token',
    commands: ['run', 'routes', 'config', 'status', 'guard'],
  },
  logLevel: {
    flag: 'log-level',
    kind: choice(LEVELS),
    default: 'info',
    help: 'least severe log lines to write; can be changed while running',
    example: 'debug',
  },
};
