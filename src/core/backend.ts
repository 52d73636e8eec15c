import type { AppId, Endpoint } from './app.ts';
import { needsHttp } from './balance.ts';
import type { BackendCheck } from './checks.ts';
import { serverCheck } from './checks.ts';
import type { RoutedApp } from './deployments.ts';
import type { PortLabels, ReadLabel } from './label-reader.ts';
import type { Mode } from './mode.ts';
import { byText } from './order.ts';
import type { Origin, Sourced } from './problem.ts';
import type { Backend, BackendName, Balance, Route, Server, ServerName } from './routing.ts';
import { serverCookie, serverId, serverName } from './servers.ts';

/** What a backend is made of, all of it decided. */
export interface BackendParts {
  readonly name: BackendName;
  readonly routed: RoutedApp;
  readonly portIndex: number;
  readonly labels: PortLabels;
  readonly mode: Mode;
  readonly check: BackendCheck;
  readonly routes: readonly Route[];
}

const DEFAULT: Origin = { from: 'default' };

/** A backend by its labels, with the servers that its tasks are. */
export function buildBackend(parts: BackendParts): Backend {
  const { name, routed, portIndex, labels, mode, check } = parts;
  const isHttp = mode.value === 'http';
  const balance = balanceOf(labels, isHttp);
  const sticky = isHttp && labels.sticky?.value === true;
  const checkOrigin = originOfCheck(routed.app.id, labels, check);
  const auth = sourced(labels.auth);
  const allowedNetworks = sourced(labels.allowedNetworks);
  return {
    name,
    app: routed.id,
    portIndex,
    profile: { mode: mode.value, balance: balance.value, sticky, check: check.kind, checkTimeout: check.timeout },
    profileOrigins: {
      mode: mode.origin,
      balance: balance.origin,
      sticky: sticky ? (labels.sticky?.origin ?? DEFAULT) : DEFAULT,
      check: checkOrigin,
      checkTimeout: checkOrigin,
    },
    checkPath: check.path,
    ...(isHttp ? httpSettings(labels, parts.routes) : {}),
    ...(auth === undefined ? {} : { auth }),
    ...(allowedNetworks === undefined ? {} : { allowedNetworks }),
    servers: buildServers(parts, sticky),
    origin: { from: 'app', app: routed.app.id },
  };
}

function balanceOf({ balance }: PortLabels, isHttp: boolean): Sourced<Balance> {
  const usable = balance?.value !== undefined && (isHttp || !needsHttp(balance.value));
  return usable ? { value: balance.value, origin: balance.origin } : { value: 'roundrobin', origin: DEFAULT };
}

function originOfCheck(app: AppId, labels: PortLabels, check: BackendCheck): Origin {
  if (check.kind === 'none') return DEFAULT;
  return check.implied ? (labels.sticky?.origin ?? DEFAULT) : { from: 'app', app };
}

const sourced = <T>(label: ReadLabel<T> | undefined): Sourced<T> | undefined =>
  label?.value === undefined ? undefined : { value: label.value, origin: label.origin };

const asked = (label: ReadLabel<boolean> | undefined): Sourced<true> | undefined =>
  label?.value === true ? { value: true, origin: label.origin } : undefined;

/** What only requests have: headers, redirects, rewriting. Wildcard hosts name no one host, so they are left out of it. */
function httpSettings(labels: PortLabels, routes: readonly Route[]): Partial<Backend> {
  const hosts = [...new Set(routes.flatMap(({ match, host }) => (match === 'host' ? [host] : [])))];
  const [host] = hosts;
  const hsts = asked(labels.hsts);
  const redirectToHttps = routes.length > 0 ? asked(labels.redirectToHttps) : undefined;
  const proxyPass = sourced(labels.proxyPass);
  const reverseProxy = sourced(labels.reverseProxy);
  const rootRedirect = hosts.length > 0 ? sourced(labels.rootRedirect) : undefined;
  return {
    ...(hsts === undefined ? {} : { hsts }),
    ...(redirectToHttps === undefined ? {} : { redirectToHttps }),
    ...(proxyPass === undefined
      ? {}
      : { proxyPass: { ...proxyPass, value: { path: proxyPass.value, ...(host === undefined ? {} : { host }) } } }),
    ...(reverseProxy === undefined
      ? {}
      : { reverseProxy: { ...reverseProxy, value: { path: reverseProxy.value, hosts } } }),
    ...(rootRedirect === undefined
      ? {}
      : { rootRedirect: { ...rootRedirect, value: { path: rootRedirect.value, hosts } } }),
  };
}

/** Servers in marathon-lb's order, agent and port; ids are dealt in that order. */
function buildServers({ routed, portIndex, check }: BackendParts, sticky: boolean): readonly Server[] {
  const taken = new Set<number>();
  return candidates(routed, portIndex).map(({ task, admission, endpoint, name }) => {
    const id = serverId(name, taken);
    taken.add(id);
    const own = serverCheck(check, task, endpoint, routed.app);
    return {
      name,
      id,
      task: task.id,
      taskVersion: task.version,
      endpoint,
      ...(own === undefined ? {} : { check: own }),
      ...(sticky ? { cookie: serverCookie(name) } : {}),
      admission,
    };
  });
}

/** A task that may become a server. */
type Candidate = RoutedApp['tasks'][number] & { readonly endpoint: Endpoint; readonly name: ServerName };

/**
 * The endpoints of one port, one per server name: a task that is lost or unreachable may still be listed when another one has
 * got its host port, and HAProxy refuses two servers of one name. The one that runs for certain goes first, then the newer one.
 */
function candidates({ tasks }: RoutedApp, portIndex: number): readonly Candidate[] {
  const all: Candidate[] = [];
  for (const { task, admission } of tasks) {
    const endpoint = task.endpoints.find((candidate) => candidate.portIndex === portIndex);
    if (endpoint !== undefined) all.push({ task, admission, endpoint, name: serverName(task.host, endpoint) });
  }
  all.sort(inOrder);
  const names = new Set<string>();
  return all.filter(({ name }) => !names.has(name) && names.add(name));
}

/** The agent or the port tells nearly all apart: what comes behind is not compared then. */
const inOrder = (a: Candidate, b: Candidate): number =>
  byText(a.task.host, b.task.host) ||
  a.endpoint.port - b.endpoint.port ||
  byText(a.name, b.name) ||
  Number(b.task.state === 'running') - Number(a.task.state === 'running') ||
  byText(b.task.version, a.task.version) ||
  byText(b.task.id, a.task.id);
