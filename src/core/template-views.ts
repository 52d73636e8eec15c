import { listenersOverlap } from './address.ts';
import type { CertificateSet } from './certificates.ts';
import { GENERATION_LINE } from './config.ts';
import { isHttpCheck } from './maps.ts';
import { rangeWithout } from './port-range.ts';
import { literalPattern, literalReplacement } from './quoting.ts';
import type { Backend, Balance, BasicAuth, Profile, Server, ServiceBind, ServiceFrontend } from './routing.ts';
import { type BindAddress, formatBind, type PortRange, type Settings } from './settings.ts';
import type { View } from './template.ts';

/** Paths that go into `global`. */
export interface RenderPlace {
  /** The stats socket. A relative path is below the folder that HAProxy was given by `-C`. */
  readonly runtimeSocket: string;
  /** The server-state file. */
  readonly stateFile: string;
}

/** The crt-list of the HTTPS frontend, beside haproxy.cfg. */
export const CERTIFICATE_LIST = 'certificates.list';

// Mozilla's "intermediate" list: every client since 2014 or so, nothing without forward secrecy.
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'DHE-RSA-AES128-GCM-SHA256',
  'DHE-RSA-AES256-GCM-SHA384',
];
const CIPHERSUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** What `global.hbs` sees. */
export function globalView(settings: Settings, place: RenderPlace): View {
  const { runtimeSocket } = place;
  return {
    generationLine: GENERATION_LINE,
    // HAProxy takes a relative name for a host without port.
    runtimeSocket: runtimeSocket.startsWith('/') ? runtimeSocket : `unix@${runtimeSocket}`,
    stateFile: place.stateFile,
    hardStopAfterMs: settings.hardStopAfter,
    maxReloads: settings.maxReloads,
    // A maxconn of our own would keep HAProxy from starting under a low limit; without a bound, tables for a container's
    // limit of 2^30 descriptors would be allocated.
    fdHardLimit: 131_072,
    ciphers: CIPHERS.join(':'),
    ciphersuites: CIPHERSUITES.join(':'),
  };
}

/** What `route-lookup.hbs` sees: it is in both frontends that look hosts up. */
export function routeLookupView(settings: Settings): View {
  // Where only whole segments may match, keys and rows end in a slash.
  return { keyEnd: settings.pathMatch === 'segment' ? ',/' : '' };
}

/** What the shared frontends and the statistics see. `routeLookup`: the text of `route-lookup.hbs`. */
export function sharedView(binds: readonly BindAddress[], settings: Settings, routeLookup: string): View {
  const httpsPort = settings.httpsBind[0]?.port ?? 443;
  return {
    binds: binds.map(bindWords),
    certificateList: CERTIFICATE_LIST,
    routeLookup,
    httpsPort: httpsPort === 443 ? 0 : httpsPort,
  };
}

/**
 * `<backend>_in`. marathon-lb gave frontend and backend one name, which HAProxy ≥ 3.3 refuses to load; backends end in
 * a port, so this name is never theirs.
 */
export const serviceFrontendName = (service: ServiceFrontend): string => `${service.name}_in`;

/** What `service-frontend.hbs` sees. */
export function serviceView(service: ServiceFrontend): View {
  return {
    name: serviceFrontendName(service),
    mode: service.mode,
    http: service.mode === 'http',
    backend: service.backend,
    binds: service.binds.map((bind) => ({
      ...bindWords(bind),
      certificate: bind.certificate?.value ?? '',
      options: bind.options.map(optionWords),
    })),
  };
}

/** What `service-range.hbs` sees. A service that needs a frontend of its own takes its port out of the range. */
export function rangeView(range: PortRange, services: readonly ServiceFrontend[]): View {
  const own = services.filter(({ inRange }) => inRange === undefined).flatMap(({ binds }) => binds);
  const taken = own.filter(({ address }) => listenersOverlap(address, range.address)).map(({ port }) => port);
  const host = formatBind({ address: range.address, port: 0 }).slice(0, -1);
  return {
    binds: rangeWithout(range, [...taken, ...(range.without ?? [])]).map((ports) => ({
      address: `${host}${ports}`,
      v6only: range.address === '::',
    })),
  };
}

function optionWords(option: ServiceBind['options'][number]): View {
  return { option: option.option, argument: 'argument' in option ? option.argument : '' };
}

function bindWords(bind: BindAddress): View {
  // `[::]` would listen on IPv4 as well and collide with `*` on the same port.
  return { address: formatBind(bind), v6only: bind.address === '::' };
}

/**
 * Where a sticky server's cookie comes from: a word of the server, or HAProxy's own digest of a key and the server's address. The
 * latter is what a server can have that is added to HAProxy 2.6 to 2.9 (tier C).
 */
export type Cookies = 'named' | 'computed';

/** What HAProxy computes cookies with. Public, as an address in a digest was in marathon-lb's cookies; it must never change. */
export const COOKIE_KEY = 'portolan';

/** What `profile.hbs` sees. */
export function profileView(profile: Profile, cookies: Cookies = 'named'): View {
  return {
    name: profileName(profile),
    mode: profile.mode,
    http: profile.mode === 'http',
    balance: balanceWords(profile.balance),
    hashed: /^(source|uri|hdr\(|url_param\(|rdp-cookie\()/.test(profile.balance),
    sticky: profile.sticky,
    cookieKey: cookies === 'computed' ? COOKIE_KEY : '',
    checked: profile.check !== 'none',
    httpCheck: isHttpCheck(profile),
    checkTimeout: profile.checkTimeout,
  };
}

/** HAProxy spells one of its algorithms with a space. */
function balanceWords(balance: Balance): readonly string[] {
  const parameter = /^url_param\((.*)\)$/.exec(balance)?.[1];
  return parameter === undefined ? [balance] : ['url_param', parameter];
}

/** `P_<mode>_<balance>_<sticky>_<check>_<timeout>`, in characters that HAProxy takes in a name, never the same for two profiles. */
export function profileName(profile: Profile): string {
  const known = profileNames.get(profile);
  if (known !== undefined) return known;
  const balance = profile.balance.replace(/[^A-Za-z0-9-]/g, (c) =>
    c === '(' ? '.' : c === ')' ? '' : `:${c.charCodeAt(0).toString(16)}:`,
  );
  const name = `P_${profile.mode}_${balance}_${profile.sticky ? 1 : 0}_${profile.check}_${profile.checkTimeout}`;
  profileNames.set(profile, name);
  return name;
}

/** Each pass names the profiles of all spares. */
const profileNames = new WeakMap<Profile, string>();

/** The userlist of a backend with basic auth. */
export const userlistName = (backend: Pick<Backend, 'name'>): string => `user_${backend.name}`;

/** What `userlist.hbs` sees. */
export function userlistView(backend: Backend, auth: BasicAuth): View {
  return { userlist: userlistName(backend), user: auth.user, passwordHash: auth.passwordHash };
}

/** What `backend.hbs` sees. Blocks that only HTTP can have are absent in TCP mode. */
export function backendView(backend: Backend, cookies: Cookies = 'named'): View {
  const http = backend.profile.mode === 'http';
  const { auth, rootRedirect, proxyPass, reverseProxy } = backend;
  return {
    name: backend.name,
    profile: profileName(backend.profile),
    http,
    networks: backend.allowedNetworks?.value ?? false,
    auth: http && auth !== undefined && authView(backend, auth.value),
    rootRedirect: http &&
      rootRedirect !== undefined && {
        location: rootRedirect.value.path,
        hostPattern: rootRedirect.value.hosts.length === 0 ? '' : `^(?:${hostsPattern(rootRedirect.value.hosts)})$`,
      },
    proxyPass: http &&
      proxyPass !== undefined && {
        host: proxyPass.value.host ?? '',
        pathPattern: strippedPathPattern(proxyPass.value.path),
      },
    reverseProxy: http && reverseProxy !== undefined && reverseProxyView(reverseProxy.value),
    servers: backend.servers.map((server) => serverView(server, cookies)),
  };
}

function authView(backend: Backend, auth: BasicAuth): View {
  // HAProxy puts the realm between quotes as it stands.
  return { realm: auth.realm.replace(/["\\]/g, "'"), check: `http_auth(${userlistName(backend)})` };
}

/** Matches the prefix at a segment border, whatever its case, and captures what follows. Empty: nothing to strip. */
function strippedPathPattern(path: string): string {
  const prefix = path.replace(/\/+$/, '');
  return prefix === '' ? '' : `(?i)^${literalPattern(prefix)}(?:/(.*))?$`;
}

/** Location headers that are relative to the host or point to one of the hosts, unless they have the prefix already. */
function reverseProxyView({ path, hosts }: { readonly path: string; readonly hosts: readonly string[] }): View {
  const prefix = path.replace(/\/+$/, '');
  const absolute = hosts.length === 0 ? '' : `https?://(?:${hostsPattern(hosts)})(?::[0-9]+)?(?=[/?#]|$)|`;
  return {
    locationPattern: `(?i)^(?:${absolute}(?=/(?!/)))(?!${literalPattern(prefix)}(?:[/?#]|$))(.*)$`,
    replacement: `${literalReplacement(prefix)}\\1`,
  };
}

/** A wildcard stands for one label. */
function hostsPattern(hosts: readonly string[]): string {
  return hosts
    .map((host) => {
      const suffix = /^\*?(\..+)$/.exec(host)?.[1];
      return suffix === undefined ? literalPattern(host) : `[^./]+${literalPattern(suffix)}`;
    })
    .join('|');
}

function serverView(server: Server, cookies: Cookies): View {
  const { endpoint, check } = server;
  return {
    name: server.name,
    address: formatBind(endpoint),
    id: server.id,
    check: check !== undefined && {
      interMs: check.interMs,
      fall: check.fall,
      port: check.port ?? 0,
      tls: check.tls,
    },
    cookie: cookies === 'named' ? (server.cookie ?? '') : '',
    maint: server.admission === 'maint',
  };
}

/** The crt-list: one usable certificate a line, the default one first. */
export function certificateList(certificates: CertificateSet): string {
  // The digest makes a certificate that was renewed under its old name a change of this file.
  const entries = certificates.usable.map(({ path, digest }) =>
    digest === undefined ? `${path}\n` : `# ${digest}\n${path}\n`,
  );
  return entries.join('');
}
