import type { App, Endpoint, HealthCheck, NetworkMode, Port, Task } from './app.ts';
import { isCheckPath } from './label-parsers.ts';
import type { CheckKind, CheckTimeoutClass, ServerCheck } from './routing.ts';

/** How a backend's servers are checked, by the app's present definition. */
export interface BackendCheck {
  readonly kind: CheckKind;
  /** Path of servers without one of their own. */
  readonly path: string;
  readonly timeout: CheckTimeoutClass;
  /** Port whose check is used and where it is made, when it is not the backend's own. */
  readonly portIndex?: number;
  /** A sticky backend without a check of its own: each server gets marathon-lb's plain `check`. */
  readonly implied: boolean;
  /** The definition's path cannot be copied; `/` stands in. */
  readonly refusedPath?: string;
}

const TIMEOUT_CLASSES: readonly CheckTimeoutClass[] = [2, 5, 10, 20, 60];
const NO_CHECK = { kind: 'none', path: '/', timeout: 2, implied: false } as const;
/** HAProxy's own defaults of a plain `check`. */
const IMPLIED_CHECK: ServerCheck = { tls: false, interMs: 2_000, fall: 3 };
const DAY_MS = 86_400_000;

/**
 * The check that marathon-lb would copy for a port: the first one with a literal port, or with this port's index. COMMAND checks
 * cannot be copied. A check that names no port at all means port 0.
 */
export function selectCheck(checks: readonly HealthCheck[], portIndex: number): HealthCheck | undefined {
  return checks.find(
    (check) => check.protocol !== 'COMMAND' && (hasLiteralPort(check) || (check.portIndex ?? 0) === portIndex),
  );
}

const hasLiteralPort = ({ port }: HealthCheck): boolean => port !== undefined && port > 0 && port <= 65_535;

/** Decides how a backend is checked. `borrowed` is the valid port index of HAPROXY_{n}_BACKEND_HEALTHCHECK_PORT_INDEX. */
export function backendCheck(
  app: App,
  portIndex: number,
  mode: 'http' | 'tcp',
  asked: { readonly borrowed: number | undefined; readonly sticky: boolean },
): BackendCheck {
  const check = ownCheck(app.healthChecks, portIndex, asked.borrowed);
  if (check === undefined) return asked.sticky ? { ...NO_CHECK, kind: 'tcp', implied: true } : NO_CHECK;
  const kind = kindOf(check, mode);
  const timeout = TIMEOUT_CLASSES.find((seconds) => seconds >= check.timeoutSeconds) ?? 60;
  const isHttp = kind === 'http' || kind === 'https';
  return {
    kind,
    path: isHttp ? pathOf(check) : '/',
    timeout,
    implied: false,
    ...(asked.borrowed === undefined ? {} : { portIndex: asked.borrowed }),
    ...(isHttp && !isCheckPath(check.path) ? { refusedPath: check.path } : {}),
  };
}

/**
 * A server's check by its task's own version, as far as the backend's kind allows: old tasks must not be judged by a new
 * definition's path or port. Undefined: it is not checked.
 */
export function serverCheck(
  backend: BackendCheck,
  task: Task,
  endpoint: Endpoint,
  app: { readonly network: NetworkMode; readonly ports: readonly Port[] },
): ServerCheck | undefined {
  if (backend.kind === 'none') return undefined;
  if (backend.implied) return IMPLIED_CHECK;
  const own = ownCheck(task.healthChecks, endpoint.portIndex, backend.portIndex);
  if (own === undefined) return undefined;
  const isHttp = backend.kind !== 'tcp';
  const ownKind = kindOf(own, isHttp ? 'http' : 'tcp');
  if (isHttp && ownKind === 'tcp') return undefined;
  const place = checkPort(backend, own, task, endpoint, app);
  if (place === 'unknown') return undefined;
  const path = pathOf(own);
  return {
    tls: ownKind === 'https',
    interMs: bounded(own.intervalSeconds * 1_000, 1_000, DAY_MS),
    fall: bounded(own.maxConsecutiveFailures + 1, 1, 1_000),
    ...(place === endpoint.port ? {} : { port: place }),
    ...(isHttp && path !== backend.path ? { path } : {}),
  };
}

function ownCheck(checks: readonly HealthCheck[], portIndex: number, borrowed: number | undefined) {
  return selectCheck(checks, portIndex) ?? (borrowed === undefined ? undefined : selectCheck(checks, borrowed));
}

function kindOf({ protocol }: HealthCheck, mode: 'http' | 'tcp'): Exclude<CheckKind, 'none'> {
  if (mode === 'tcp' || protocol === 'TCP' || protocol === 'MESOS_TCP') return 'tcp';
  return protocol === 'HTTPS' || protocol === 'MESOS_HTTPS' ? 'https' : 'http';
}

const pathOf = ({ path }: HealthCheck): string => (isCheckPath(path) ? path : '/');

/**
 * Where the check is made, on the server's own address. A literal port is the container's in container mode, the host's
 * otherwise (marathon-api 1.7); behind a host port the container's is to be translated, and one that has no host port cannot
 * be reached there: such a server is better not checked than always down.
 */
function checkPort(
  backend: BackendCheck,
  own: HealthCheck,
  task: Task,
  endpoint: Endpoint,
  { network, ports }: { readonly network: NetworkMode; readonly ports: readonly Port[] },
): number | 'unknown' {
  const onSameAddress = (portIndex: number): number | 'unknown' =>
    task.endpoints.find((other) => other.portIndex === portIndex && other.address === endpoint.address)?.port ??
    'unknown';
  if (backend.portIndex !== undefined) return onSameAddress(backend.portIndex);
  if (own.port === undefined || !hasLiteralPort(own)) return endpoint.port;
  if (network !== 'container') return own.port;
  const mapped = ports.find((port) => port.containerPort === own.port);
  if (mapped !== undefined) return onSameAddress(mapped.index);
  return endpoint.address === task.hostAddress ? 'unknown' : own.port;
}

/** What HAProxy takes, whatever the definition says. */
const bounded = (value: number, min: number, max: number): number =>
  Number.isFinite(value) ? Math.min(max, Math.max(min, Math.round(value))) : min;
