import type { AppId, Endpoint, TaskId, Version } from './app.ts';
import type { Origin, Sourced } from './problem.ts';
import type { Brand } from './result.ts';

/** `<app id without its first character, slashes as underscores>_<service port>`: marathon-lb's names, which dashboards know. */
export type BackendName = Brand<string, 'BackendName'>;
/** `<host>_<ip>_<port>` or `<ip>_<port>`, everything else than letters, digits and `-` as `_`: marathon-lb's names. */
export type ServerName = Brand<string, 'ServerName'>;

/** What HAProxy should do, as a value: sorted, so that the same truth gives the same bytes. */
export interface RoutingTable {
  /** One per service port and bind address that has servers. Sorted by port, then address. */
  readonly services: readonly ServiceFrontend[];
  /** What :80 and :443 look up: host and path to backend. Sorted by host, path. Rows that lost or are shadowed are not here. */
  readonly routes: readonly Route[];
  /** What :9091 looks up: lower-cased app id to backend (the app's service in mode http with the lowest service port). Sorted. */
  readonly appIds: readonly AppIdRoute[];
  /** Sorted by name. A backend may have no servers: its hosts answer 503. */
  readonly backends: readonly Backend[];
}

/** One host + path that leads to a backend. */
export interface Route {
  readonly match: 'host' | 'wildcard';
  /** Lower-cased, without port and trailing dot. A wildcard `*.example.com` is kept as `.example.com` with match `wildcard`. */
  readonly host: string;
  /** Path prefix as the label gave it, starting with `/`; absent when the whole host is meant. */
  readonly path?: string;
  /** The path matches without regard to case (`-i` in HAPROXY_{n}_PATH). */
  readonly ignoreCase: boolean;
  readonly backend: BackendName;
  readonly app: AppId;
  readonly portIndex: number;
  readonly origin: Origin;
}

/** One app id for the `X-Marathon-App-Id` frontend. */
export interface AppIdRoute {
  /** Lower-cased. */
  readonly appId: string;
  readonly backend: BackendName;
  readonly app: AppId;
}

/** A frontend that listens on a service port. */
export interface ServiceFrontend {
  /** Equal to its backend's name. */
  readonly name: BackendName;
  readonly mode: 'http' | 'tcp';
  readonly binds: readonly ServiceBind[];
  /** The frontend of `--service-port-range` listens for it: it is rows of maps, and no text of its own. */
  readonly inRange?: true;
  readonly backend: BackendName;
  readonly app: AppId;
  readonly portIndex: number;
  readonly origin: Origin;
}

/** One address:port of a service frontend. */
export interface ServiceBind {
  /** An IP address, or `*` for every IPv4 address. IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Path of a certificate that was checked; makes the bind TLS. */
  readonly certificate?: Sourced<string>;
  /** Typed bind options, in a fixed order. */
  readonly options: readonly BindOption[];
}

/** What HAPROXY_{n}_BIND_OPTIONS may ask for; every argument is checked where it is parsed. */
export type BindOption =
  | { readonly option: 'accept-proxy' | 'strict-sni' | 'tfo' | 'defer-accept' }
  | { readonly option: 'alpn' | 'ciphers' | 'ciphersuites' | 'ca-file'; readonly argument: string }
  | { readonly option: 'ssl-min-ver' | 'ssl-max-ver'; readonly argument: 'TLSv1.0' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' }
  | { readonly option: 'verify'; readonly argument: 'none' | 'optional' | 'required' };

/** Load-balancing algorithms that a label may name. */
export type Balance =
  | 'roundrobin'
  | 'static-rr'
  | 'leastconn'
  | 'first'
  | 'random'
  | 'source'
  | 'uri'
  | `hdr(${string})`
  | `url_param(${string})`
  | `rdp-cookie(${string})`
  | `random(${number})`;

/** How HAProxy checks a backend's servers. `none`: servers are up unless told otherwise. */
export type CheckKind = 'none' | 'tcp' | 'http' | 'https';

/** `timeout check` cannot change at run time, hence classes (seconds): the smallest one that is enough (haproxy-runtime 4.3). */
export type CheckTimeoutClass = 2 | 5 | 10 | 20 | 60;

/** What a backend can be without text of its own: a named `defaults` section. */
export interface Profile {
  readonly mode: 'http' | 'tcp';
  readonly balance: Balance;
  readonly sticky: boolean;
  readonly check: CheckKind;
  readonly checkTimeout: CheckTimeoutClass;
}

/** A backend with its servers. The same `Backend` object as yesterday's when nothing of it changed. */
export interface Backend {
  readonly name: BackendName;
  readonly app: AppId;
  readonly portIndex: number;
  readonly profile: Profile;
  /** Where each field of the profile came from. */
  readonly profileOrigins: Readonly<Record<keyof Profile, Origin>>;
  /** Check path of servers without one of their own; a map row. */
  readonly checkPath: string;
  /** HSTS header on TLS answers; a map row. */
  readonly hsts?: Sourced<true>;
  /** Plain HTTP requests on the shared frontends are redirected to https; a map row. */
  readonly redirectToHttps?: Sourced<true>;
  /** Basic auth, enforced in the backend so that every way in is covered; text of its own. */
  readonly auth?: Sourced<BasicAuth>;
  /** IPs and CIDRs that may connect; text of its own. Never empty. */
  readonly allowedNetworks?: Sourced<readonly string[]>;
  /** Prefix stripped from the path, Host set to `host`; text of its own. */
  readonly proxyPass?: Sourced<{ readonly path: string; readonly host?: string }>;
  /** Prefix put in front of Location headers that point to one of `hosts`; text of its own. */
  readonly reverseProxy?: Sourced<{ readonly path: string; readonly hosts: readonly string[] }>;
  /** `/` of one of `hosts` is redirected to `path`; text of its own. */
  readonly rootRedirect?: Sourced<{ readonly path: string; readonly hosts: readonly string[] }>;
  /** Sorted by host and port as marathon-lb sorts them. */
  readonly servers: readonly Server[];
  readonly origin: Origin;
}

/** One user of a backend's userlist. */
export interface BasicAuth {
  readonly realm: string;
  readonly user: string;
  /** crypt(3) hash; a secret that never leaves the configuration unmasked. */
  readonly passwordHash: string;
}

/** One task's endpoint in a backend. */
export interface Server {
  readonly name: ServerName;
  /** 1–32767, derived from the name as marathon-lb does, so that hashes and state survive restarts. */
  readonly id: number;
  readonly task: TaskId;
  readonly taskVersion: Version;
  readonly endpoint: Endpoint;
  /** Absent: no check. From the task's own version. */
  readonly check?: ServerCheck;
  /** Sticky backends only: first 10 hex digits of SHA-1 of the name. */
  readonly cookie?: string;
  /** `maint`: listed, but takes no new request (an old task of a deployment group that leaves). */
  readonly admission: 'ready' | 'maint';
}

/** The words of one server's check. */
export interface ServerCheck {
  readonly tls: boolean;
  /** Milliseconds between checks. */
  readonly interMs: number;
  /** Failures until down: maxConsecutiveFailures + 1. */
  readonly fall: number;
  /** Port to check when it is not the server's own. */
  readonly port?: number;
  /** Check path when it differs from the backend's: the task's own version has another one. */
  readonly path?: string;
}
