import type { LogLevel, Settings } from './settings.ts';
import {
  bind,
  binds,
  choice,
  command,
  duration,
  type Kind,
  masterUrls,
  names,
  path,
  paths,
  toggle,
  whole,
} from './settings-kinds.ts';

/** Commands that take settings. */
export type CommandName = 'run' | 'demo' | 'render' | 'routes' | 'config' | 'status';

/** One setting: everything that flags, environment, file, help and the README need to know of it. */
export interface SettingSpec<T> {
  /** Without dashes; also the key in the YAML file. */
  readonly flag: string;
  readonly kind: Kind<T>;
  /** As it would be typed; absent where nothing is set by default (a list is then empty). */
  readonly default?: string;
  /** One sentence without full stop. */
  readonly help: string;
  /** A right value, ready to copy. */
  readonly example: string;
  readonly commands: readonly CommandName[];
}

/** Every key of `Settings` with the type of its value. */
type SettingsTable = { readonly [K in keyof Settings]-?: SettingSpec<NonNullable<Settings[K]>> };

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const RUN = ['run'] as const;
const ROUTING = ['run', 'render'] as const;

/** Every knob once, in the order of the help. */
export const SETTINGS_TABLE: SettingsTable = {
  marathon: {
    flag: 'marathon',
    kind: masterUrls,
    help: 'base URL of a Marathon master; give all of them, the next one is asked when one fails',
    example: 'http://10.0.0.1:8080',
    commands: RUN,
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
    commands: RUN,
  },
  marathonTokenFile: {
    flag: 'marathon-token-file',
    kind: path,
    help: 'file with a bearer token for Marathon; read again when it changes',
    example: '/etc/portolan/marathon-token',
    commands: RUN,
  },
  marathonCa: {
    flag: 'marathon-ca',
    kind: path,
    help: "PEM file with the authorities that may sign Marathon's certificate, instead of the system's",
    example: '/etc/portolan/marathon-ca.pem',
    commands: RUN,
  },
  marathonCert: {
    flag: 'marathon-cert',
    kind: path,
    help: 'client certificate (PEM) to show to Marathon; needs --marathon-key',
    example: '/etc/portolan/client.pem',
    commands: RUN,
  },
  marathonKey: {
    flag: 'marathon-key',
    kind: path,
    help: 'private key (PEM) of --marathon-cert',
    example: '/etc/portolan/client.key',
    commands: RUN,
  },
  marathonInsecure: {
    flag: 'marathon-insecure',
    kind: toggle,
    default: 'false',
    help: "do not verify Marathon's certificate: for tests only",
    example: 'false',
    commands: RUN,
  },
  healthCheck: {
    flag: 'health-check',
    kind: toggle,
    default: 'true',
    help: 'route to a task with health checks only once Marathon found it healthy',
    example: 'true',
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
    example: 'true',
    commands: RUN,
  },
  pollInterval: {
    flag: 'poll-interval',
    kind: duration(100, 86_400_000),
    default: '30s',
    help: 'time between full reads of Marathon, also while the event stream is up',
    example: '30s',
    commands: RUN,
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
    example: '127.0.0.1:9090',
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
    example: '10050',
    commands: ROUTING,
  },
  maxServPortIpPerTask: {
    flag: 'max-serv-port-ip-per-task',
    kind: whole(0, 65535),
    default: '10100',
    help: 'last service port for apps with an IP per task and no service port of their own',
    example: '10100',
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
    example: '/var/lib/portolan',
    commands: ['run', 'routes', 'config', 'status'],
  },
  haproxy: {
    flag: 'haproxy',
    kind: command,
    default: '/usr/sbin/haproxy',
    help: 'the HAProxy to run, 2.6 or newer',
    example: '/usr/local/sbin/haproxy',
    commands: RUN,
  },
  haproxyMode: {
    flag: 'haproxy-mode',
    kind: choice(['managed', 'external']),
    default: 'managed',
    help: 'start and watch over HAProxy (managed), or drive one that systemd or another container runs (external)',
    example: 'external',
    commands: RUN,
  },
  onStop: {
    flag: 'on-stop',
    kind: choice(['keep', 'drain']),
    default: 'keep',
    help: 'what becomes of HAProxy when Portolan ends: it serves on (keep), or finishes its requests and ends (drain)',
    example: 'drain',
    commands: RUN,
  },
  keepGenerations: {
    flag: 'keep-generations',
    kind: whole(2, 1000),
    default: '10',
    help: 'how many configurations stay on disk',
    example: '10',
    commands: RUN,
  },
  hardStopAfter: {
    flag: 'hard-stop-after',
    kind: duration(1000, 604_800_000),
    default: '3610s',
    help: 'how long an old HAProxy worker may finish its connections after a reload',
    example: '1h',
    commands: ROUTING,
  },
  maxReloads: {
    flag: 'max-reloads',
    kind: whole(1, 1000),
    default: '10',
    help: 'how many reloads an old HAProxy worker survives',
    example: '10',
    commands: ROUTING,
  },
  adminBind: {
    flag: 'admin-bind',
    kind: bind,
    default: '127.0.0.1:9092',
    help: 'where the read-only admin API listens; anything but loopback needs --admin-token-file',
    example: '127.0.0.1:9092',
    commands: RUN,
  },
  adminTokenFile: {
    flag: 'admin-token-file',
    kind: path,
    help: 'file with the bearer token that the admin API asks for on TCP; read again when it changes',
    example: '/etc/portolan/admin-token',
    commands: ['run', 'routes', 'config', 'status'],
  },
  logLevel: {
    flag: 'log-level',
    kind: choice(LEVELS),
    default: 'info',
    help: 'least severe log lines to write; can be changed while running',
    example: 'debug',
    commands: RUN,
  },
};

/** A row of the table with its key, for those who walk over all of them. */
export interface SettingRow {
  readonly key: keyof Settings;
  readonly spec: SettingSpec<unknown>;
}

/** The table as rows, in its order; for one command only when one is named. */
export function settingRows(commandName?: CommandName): readonly SettingRow[] {
  // The formatter of each kind takes only its own type, hence the detour over unknown: rows are for reading names and texts.
  const rows = Object.entries(SETTINGS_TABLE) as unknown as readonly [keyof Settings, SettingSpec<unknown>][];
  return rows
    .map(([key, spec]) => ({ key, spec }))
    .filter((row) => commandName === undefined || row.spec.commands.includes(commandName));
}

/** The environment variable of a flag: `poll-interval` is `PORTOLAN_POLL_INTERVAL`. */
export function envName(flag: string): string {
  return `PORTOLAN_${flag.toUpperCase().replaceAll('-', '_')}`;
}
