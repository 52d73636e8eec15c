/**
 * Everything an operator can set, after flags, environment, file and defaults were merged and checked
 * (`settings-table.ts` has names, kinds, defaults and help texts; README's table is generated from it).
 */
export interface Settings {
  /** Base URLs of the masters, without trailing slash; a path prefix is kept. */
  readonly marathon: readonly string[];
  /** File in Marathon's `/v2/apps?embed=apps.tasks` format instead of a Marathon; watched. */
  readonly apps?: string;
  readonly marathonAuthFile?: string;
  readonly marathonTokenFile?: string;
  readonly marathonCa?: string;
  readonly marathonCert?: string;
  readonly marathonKey?: string;
  readonly marathonInsecure: boolean;
  /** Groups served; `*` means every app. */
  readonly group: readonly string[];
  readonly healthCheck: boolean;
  readonly strictMode: boolean;
  readonly sse: boolean;
  /** Milliseconds between full reads. */
  readonly pollInterval: number;
  /** Percent of what is served; an answer that lacks more, and more than `guardRoutes` routes, is held. */
  readonly guardShare: number;
  readonly guardRoutes: number;
  /** Milliseconds that a held answer has to repeat; 0: no answer is held. */
  readonly guardHold: number;
  /** Equal answers that it takes besides. */
  readonly guardAnswers: number;
  /** Bind addresses of the shared frontends; empty is `off`. */
  readonly httpBind: readonly BindAddress[];
  readonly httpsBind: readonly BindAddress[];
  readonly appidBind: readonly BindAddress[];
  readonly statsBind: readonly BindAddress[];
  /** PEM files and folders of them, absolute. */
  readonly sslCerts: readonly string[];
  /** Range for services without a service port; both 0: off. */
  readonly minServPortIpPerTask: number;
  readonly maxServPortIpPerTask: number;
  /** Ports that one frontend listens on from the start, so that a new service port needs no reload. */
  readonly servicePortRange?: PortRange;
  readonly pathMatch: 'prefix' | 'segment';
  readonly templates?: string;
  readonly stateDir: string;
  readonly haproxy: string;
  readonly haproxyMode: 'managed' | 'external';
  /** Changes go over HAProxy's socket where they can; false: every change is a reload. */
  readonly runtime: boolean;
  /** Empty backends held ready for new apps, by kind. */
  readonly spareHttp: number;
  readonly spareSticky: number;
  readonly spareTcp: number;
  readonly onStop: 'keep' | 'drain';
  readonly keepGenerations: number;
  /** Milliseconds. */
  readonly hardStopAfter: number;
  readonly maxReloads: number;
  /** Reloads a minute for what can wait. */
  readonly reloadBudget: number;
  /** Old workers, and megabytes of memory that they hold (0: any), at which what can wait is not reloaded. */
  readonly maxOldWorkers: number;
  readonly oldWorkersMemory: number;
  /** Base URLs of the admin APIs of other edges, without trailing slash. */
  readonly peer: readonly string[];
  readonly peerTokenFile?: string;
  readonly adminBind: BindAddress;
  readonly adminTokenFile?: string;
  readonly logLevel: LogLevel;
}

/** Address and port of a listener. `*` is every IPv4 address; IPv6 without brackets. */
export interface BindAddress {
  readonly address: string;
  readonly port: number;
}

/** An address and its ports from `from` to `to`, both included. */
export interface PortRange {
  readonly address: string;
  readonly from: number;
  readonly to: number;
  /** Ports of it that have to wait until they can be listened on. */
  readonly without?: readonly number[];
}

/** pino's levels. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Address and port as HAProxy, URLs and people write them. */
export function formatBind(bind: BindAddress): string {
  return bind.address.includes(':') ? `[${bind.address}]:${bind.port}` : `${bind.address}:${bind.port}`;
}
