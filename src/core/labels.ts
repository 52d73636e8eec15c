import { parseBalance } from './balance.ts';
import { parseBindOptions } from './bind-options.ts';
import {
  parseAnything,
  parseAuth,
  parseBindAddresses,
  parseBoolean,
  parseDate,
  parseDeploymentGroup,
  parseEnabled,
  parseFilePath,
  parseInteger,
  parseNames,
  parseNetworks,
  parsePathPrefixes,
  parseUrlPath,
  parseWord,
} from './label-parsers.ts';
import type { Costs, LabelLevel, LabelSpec } from './label-spec.ts';
import { row } from './label-spec.ts';
import { parseVhosts } from './vhost.ts';

export type { LabelSpec } from './label-spec.ts';

const port = row('port');
const app = row('app');
const REFUSED: Costs = { badCosts: 'route-refused' };

/** Every label that Portolan knows. The only place that spells one. */
export const LABELS = {
  appGroups: app(
    'GROUP',
    parseNames,
    ['comma list', 'none', 'external'],
    'Groups of all ports of the app. A port is served when one of its groups is among `--group`, or when that holds `*`.',
  ),
  groups: port(
    'GROUP',
    parseNames,
    ['comma list', '`HAPROXY_GROUP`', 'internal,external'],
    'Groups of this port; replaces `HAPROXY_GROUP`, also when empty.',
  ),
  enabled: port(
    'ENABLED',
    parseEnabled,
    ['boolean', 'true; false with `--strict-mode`', 'true'],
    'Whether the port is served at all.',
  ),
  vhosts: port(
    'VHOST',
    parseVhosts,
    ['comma list of host names', 'none', 'www.example.com,*.apps.example.com'],
    'Host names that lead to the port on the shared HTTP and HTTPS frontends. Case, port and a trailing dot do not matter; `*.` stands for one more name in front. Makes the mode `http`.',
  ),
  path: port(
    'PATH',
    parsePathPrefixes,
    ['blank-separated path prefixes, `-i` before them ignores case', 'the whole host', '/api /v2'],
    'Only requests below these paths lead to the port. The longest prefix wins. Needs VHOST.',
    REFUSED,
  ),
  weight: port(
    'BACKEND_WEIGHT',
    parseInteger(-1_000_000, 1_000_000),
    ['integer', '0; 1 with PATH', '5'],
    'An explicit weight lets a shorter prefix of the host win over longer ones of less weight. Never takes a name from another app.',
  ),
  port: port(
    'PORT',
    parseInteger(1, 65_535),
    ['port', 'the service port that Marathon gave', '9000'],
    'Service port to listen on, in place of Marathon’s. Part of the backend’s name.',
  ),
  bindAddresses: port(
    'BIND_ADDR',
    parseBindAddresses,
    ['comma list of `*` and IP addresses', '`*`, every IPv4 address', '10.0.0.1'],
    'Addresses that the service port listens on.',
    REFUSED,
  ),
  bindOptions: port(
    'BIND_OPTIONS',
    parseBindOptions,
    ['blank-separated options', 'none', 'alpn h2,http/1.1 ssl-min-ver TLSv1.2'],
    'Options of the service port’s bind: accept-proxy, alpn, ciphers, ciphersuites, ssl-min-ver, ssl-max-ver, verify with ca-file (below `--ssl-certs`), strict-sni, tfo, defer-accept.',
  ),
  mode: port(
    'MODE',
    parseWord(['http', 'tcp']),
    ['http or tcp', '`http` with VHOST or an HTTP health check, else `tcp`', 'http'],
    'How HAProxy proxies the port.',
  ),
  balance: port(
    'BALANCE',
    parseBalance,
    ['algorithm', 'roundrobin', 'leastconn'],
    'Load-balancing algorithm: roundrobin, static-rr, leastconn, first, random, random(n), source, uri, hdr(name), url_param(name), rdp-cookie(name).',
  ),
  sticky: port(
    'STICKY',
    parseBoolean,
    ['boolean', 'false', 'true'],
    'Keeps a client on its server by a cookie. Switches on a TCP check where Marathon has none.',
  ),
  redirectToHttps: port(
    'REDIRECT_TO_HTTPS',
    parseBoolean,
    ['boolean', 'false', 'true'],
    'Plain requests on the shared HTTP frontend are redirected to https. Needs VHOST.',
  ),
  hsts: port(
    'USE_HSTS',
    parseBoolean,
    ['boolean', 'false', 'true'],
    'Adds Strict-Transport-Security to answers over TLS. Mode http only.',
  ),
  certificate: port(
    'SSL_CERT',
    parseFilePath,
    ['file below `--ssl-certs`', 'none: the service port is plain', 'web.pem'],
    'Certificate of the service port’s bind, which makes it TLS. The shared HTTPS frontend is not affected.',
    REFUSED,
  ),
  auth: port(
    'AUTH',
    parseAuth,
    ['realm:user:hash', 'none', 'private:ops:$5$sAlt$kDpXlWhbsLU'],
    'Basic auth with one user, on every way to the port. The hash is crypt(3)’s. Mode http only; a bad value refuses the route.',
    { badCosts: 'route-refused', secret: true },
  ),
  allowedNetworks: port(
    'BACKEND_NETWORK_ALLOWED_ACL',
    parseNetworks,
    ['blank-separated IPs and CIDRs', 'everyone', '127.0.0.1 10.0.0.0/8'],
    'Clients that may connect, on every way to the port. A bad value refuses the route.',
    REFUSED,
  ),
  proxyPass: port(
    'HTTP_BACKEND_PROXYPASS_PATH',
    parseUrlPath,
    ['path', 'none', '/app'],
    'This prefix is stripped from the request’s path, and Host set to the first VHOST.',
  ),
  reverseProxy: port(
    'HTTP_BACKEND_REVPROXY_PATH',
    parseUrlPath,
    ['path', 'none', '/app'],
    'This prefix is put in front of Location headers that are relative or lead to a VHOST.',
  ),
  rootRedirect: port(
    'HTTP_BACKEND_REDIR',
    parseUrlPath,
    ['path', 'none', '/login'],
    'The path `/` of a VHOST is redirected to this one.',
  ),
  checkPortIndex: port(
    'BACKEND_HEALTHCHECK_PORT_INDEX',
    parseInteger(0, 1_000),
    ['index of a port', 'the port itself', '1'],
    'Port whose health check is used, and where it is made.',
  ),
  deploymentGroup: app(
    'DEPLOYMENT_GROUP',
    parseDeploymentGroup,
    ['name', 'none', 'shop'],
    'Apps with the same value are served as one, under this name: blue and green of one service.',
  ),
  deploymentStartedAt: app(
    'DEPLOYMENT_STARTED_AT',
    parseDate,
    ['ISO 8601 date', 'older than all', '2024-05-01T12:00:00'],
    'Which app of the deployment group is the newer one. Without a zone it counts as UTC.',
  ),
  deploymentNewInstances: app(
    'DEPLOYMENT_NEW_INSTANCES',
    parseInteger(0, 1_000_000),
    ['integer', 'none', '0'],
    'Present on the newer app: the group wants TARGET_INSTANCES in all. How many of them are new decides who scales.',
  ),
  deploymentTargetInstances: app(
    'DEPLOYMENT_TARGET_INSTANCES',
    parseInteger(0, 1_000_000),
    ['integer', '1', '4'],
    'Wanted number of tasks of both apps together; old ones beyond it get no new traffic.',
  ),
  deploymentAltPort: app(
    'DEPLOYMENT_ALT_PORT',
    parseAnything,
    ['port', 'none', '10001'],
    'Read by zdd. No effect here.',
  ),
  deploymentColour: app(
    'DEPLOYMENT_COLOUR',
    parseAnything,
    ['name', 'none', 'blue'],
    'Written by zdd. No effect here.',
  ),
  originalAppId: app('APP_ID', parseAnything, ['app id', 'none', 'shop'], 'Written by zdd. No effect here.'),
} as const;

/** The table's keys, and the kind of value behind each. */
export type LabelKey = keyof typeof LABELS;
/** What the label's parser gives. */
export type LabelValue<K extends LabelKey> = (typeof LABELS)[K] extends LabelSpec<infer T> ? T : never;
type KeysOf<L extends LabelLevel> = {
  [K in LabelKey]: (typeof LABELS)[K] extends { readonly level: L } ? K : never;
}[LabelKey];
/** Labels of one port. */
export type PortLabelKey = KeysOf<'port'>;
/** Labels of the whole app. */
export type AppLabelKey = KeysOf<'app'>;

/** Names of marathon-lb's template overrides: known, told of, not honoured. */
export const TEMPLATE_LABELS: ReadonlySet<string> = new Set(
  `BACKEND_HEAD BACKEND_HSTS_OPTIONS BACKEND_HTTP_HEALTHCHECK_OPTIONS BACKEND_HTTP_OPTIONS BACKEND_REDIRECT_HTTP_TO_HTTPS
  BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS BACKEND_SERVER_OPTIONS
  BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS BACKEND_STICKY_OPTIONS BACKEND_TCP_HEALTHCHECK_OPTIONS FRONTEND_BACKEND_GLUE
  FRONTEND_HEAD HTTPS_FRONTEND_ACL HTTPS_FRONTEND_ACL_ONLY_WITH_PATH HTTPS_FRONTEND_ACL_WITH_AUTH
  HTTPS_FRONTEND_ACL_WITH_AUTH_AND_PATH HTTPS_FRONTEND_ACL_WITH_PATH HTTP_BACKEND_NETWORK_ALLOWED_ACL
  HTTP_BACKEND_PROXYPASS_GLUE HTTP_BACKEND_REVPROXY_GLUE HTTP_FRONTEND_ACL HTTP_FRONTEND_ACL_ONLY
  HTTP_FRONTEND_ACL_ONLY_WITH_PATH HTTP_FRONTEND_ACL_ONLY_WITH_PATH_AND_AUTH HTTP_FRONTEND_ACL_WITH_AUTH
  HTTP_FRONTEND_ACL_WITH_AUTH_AND_PATH HTTP_FRONTEND_ACL_WITH_PATH HTTP_FRONTEND_APPID_ACL HTTP_FRONTEND_ROUTING_ONLY
  HTTP_FRONTEND_ROUTING_ONLY_WITH_AUTH HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH
  HTTP_FRONTEND_ROUTING_ONLY_WITH_PATH_AND_AUTH MAP_HTTPS_FRONTEND_ACL MAP_HTTP_FRONTEND_ACL MAP_HTTP_FRONTEND_ACL_ONLY
  MAP_HTTP_FRONTEND_APPID_ACL TCP_BACKEND_NETWORK_ALLOWED_ACL USERLIST_HEAD`.split(/\s+/),
);

/** How a label is spelt: with the port's index, or without where there is none. */
export const spellLabel = (name: string, index?: number | string): string =>
  index === undefined ? `HAPROXY_${name}` : `HAPROXY_${index}_${name}`;
