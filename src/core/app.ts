import type { Brand } from './result.ts';

/** A Marathon app id: a path with a leading slash, e.g. `/prod/web`. */
export type AppId = Brand<string, 'AppId'>;
/** A Mesos task id as Marathon shows it. Never parsed. */
export type TaskId = Brand<string, 'TaskId'>;
/** A Marathon version: an ISO time with milliseconds, compared as text. Empty where Marathon gave none. */
export type Version = Brand<string, 'Version'>;
/** Milliseconds since the epoch, from the injected clock. */
export type Instant = Brand<number, 'Instant'>;

/** The apps that Marathon shows, as one answer gave them. Sorted by id; unchanged apps keep their identity from snapshot to snapshot. */
export interface Snapshot {
  readonly takenAt: Instant;
  readonly apps: readonly App[];
}

/** An app with its tasks. Immutable; equal content from two answers is the same object (see `source/`). */
export interface App {
  readonly id: AppId;
  /** Version of the present definition. */
  readonly version: Version;
  /** `versionInfo.lastConfigChangeAt`, or `version` where missing (marathon-api 1.2): tasks at or above it run the present configuration. */
  readonly configVersion: Version;
  /** `versionInfo.lastScalingAt`, if given. */
  readonly scaledAt?: Version;
  /** Wanted instances; 0 is a suspended app. */
  readonly instances: number;
  /** Labels in key order, values verbatim: untrusted. */
  readonly labels: ReadonlyMap<string, string>;
  readonly network: NetworkMode;
  /** The ports of the present definition, by mapping; `index` is the n of `HAPROXY_{n}_…`. */
  readonly ports: readonly Port[];
  readonly healthChecks: readonly HealthCheck[];
  /** Sorted by id. All tasks that Marathon lists, also those that get no traffic, so that it can be explained why. */
  readonly tasks: readonly Task[];
  /** Running deployments that touch the app; empty when settled. */
  readonly deployments: readonly string[];
}

/** Where an app's containers sit: on the agent's network, behind its bridge, or with an IP of their own. */
export type NetworkMode = 'host' | 'bridge' | 'container';

/** One port of a definition, by mapping (marathon-api 1.3). */
export interface Port {
  /** Position in the service-port list: the n of a label. */
  readonly index: number;
  readonly name?: string;
  /** `udp` only when the mapping is UDP alone. */
  readonly protocol: 'tcp' | 'udp';
  /** Absent where Marathon assigned none (IP per task with discovery ports); never 0. */
  readonly servicePort?: number;
  readonly containerPort?: number;
}

/** A health check of a definition that a load balancer can copy. COMMAND checks are left out here, but counted in `healthChecks` of the task's verdict. */
export interface HealthCheck {
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP' | 'COMMAND' | 'MESOS_HTTP' | 'MESOS_HTTPS' | 'MESOS_TCP';
  /** Default `/`. */
  readonly path: string;
  /** Index into the app's ports; absent when `port` is set or nothing was given on ≥ 1.5. 0 by default on older ones. */
  readonly portIndex?: number;
  /** Literal port number. */
  readonly port?: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly maxConsecutiveFailures: number;
}

/** Task states as Marathon maps them (marathon-api 1.5); a state that nobody knows yet is `other`. */
export type TaskState = 'staging' | 'starting' | 'running' | 'killing' | 'unreachable' | 'lost' | 'terminal' | 'other';

/** A task, resolved by the definition of its own version. */
export interface Task {
  readonly id: TaskId;
  /** Version it was launched from; empty where Marathon gave none. */
  readonly version: Version;
  readonly state: TaskState;
  /** Marathon's verdict by its own version's checks (marathon-api 1.7). `none`: the definition has no checks. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown' | 'none';
  /**
   * What the app's readiness checks say of it while it is deployed; `unknown`: they do not. Absent where its own definition has none.
   */
  readonly readiness?: 'ready' | 'waiting' | 'unknown';
  /** The agent as Marathon names it: host name or IP. Empty where Marathon gave none. */
  readonly host: string;
  /** The agent's IP address, as resolved in `source/`; absent while it never resolved. */
  readonly hostAddress?: string;
  /** Address and port of each port of its own definition that has one and is a port of the present one too; sorted by `portIndex`. */
  readonly endpoints: readonly Endpoint[];
  /** Ports that have no endpoint, and why. Sorted by `portIndex`. */
  readonly missing: readonly MissingEndpoint[];
  /** The checks of its own version. Empty also when that version is unknown: then it is served without a HAProxy check. */
  readonly healthChecks: readonly HealthCheck[];
}

/** Where a task answers for one port. */
export interface Endpoint {
  /** Index of the app's present port, also for a task of an older version that had it elsewhere. */
  readonly portIndex: number;
  /** Always an IP address, IPv6 without brackets. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
}

/** A port without an endpoint. */
export interface MissingEndpoint {
  readonly portIndex: number;
  readonly because: 'no-task-port' | 'no-ip-yet' | 'host-unresolvable' | 'no-host' | 'not-active' | 'port-out-of-range';
}
