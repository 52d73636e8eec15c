import type { Json } from './json.ts';

/** One network of an app, in the words of Marathon 1.5 and later. */
export interface Network {
  readonly mode: 'host' | 'container/bridge' | 'container';
  readonly name?: string;
}

/** One port of a definition, whatever syntax it was posted in. */
export interface PortSpec {
  /** Absent for host networking. 0: the same as the assigned host port. */
  readonly containerPort?: number;
  /** 0: dynamic. Absent: no host port (container networking only). */
  readonly hostPort?: number;
  /** 0 only for discovery ports of IP-per-task apps in the 1.4 dialect. */
  readonly servicePort: number;
  readonly protocol: string;
  readonly name?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly networkNames?: readonly string[];
}

/** A health check with Marathon's defaults filled in. Times in Marathon seconds. */
export interface HealthCheckSpec {
  readonly protocol: string;
  readonly path?: string;
  readonly portIndex?: number;
  readonly port?: number;
  readonly gracePeriodSeconds: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly maxConsecutiveFailures: number;
  /** Members that the stand-in keeps but does not use. */
  readonly rest: Json;
}

/** When an unreachable instance is replaced and forgotten. Marathon seconds. */
export type UnreachableStrategy =
  | 'disabled'
  | { readonly inactiveAfterSeconds: number; readonly expungeAfterSeconds: number };

/** One version of an app: immutable. */
export interface Definition {
  readonly id: string;
  readonly instances: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Json;
  readonly networks: readonly Network[];
  readonly ports: readonly PortSpec[];
  /** The ports came as `ipAddress.discovery.ports`: Marathon up to 1.4 gives them no service port. */
  readonly discovery: boolean;
  /** `type`, `docker`, `volumes` without anything about ports and networks. */
  readonly container?: Json;
  readonly healthChecks: readonly HealthCheckSpec[];
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  readonly killSelection: 'YOUNGEST_FIRST' | 'OLDEST_FIRST';
  readonly unreachableStrategy: UnreachableStrategy;
  readonly requirePorts: boolean;
  readonly taskKillGracePeriodSeconds?: number;
  readonly backoffSeconds: number;
  readonly backoffFactor: number;
  readonly maxLaunchDelaySeconds: number;
  /** Members that the stand-in keeps but does not use. */
  readonly rest: Json;
  readonly version: string;
  readonly lastScalingAt: string;
  readonly lastConfigChangeAt: string;
}

/** The mode of the app's (first) network. */
export function modeOf(definition: Definition): Network['mode'] {
  return definition.networks[0]?.mode ?? 'host';
}

/** The app id as task ids carry it: without the first slash, slashes as underscores. */
export function safeId(id: string): string {
  return id.replace(/^\//, '').replaceAll('/', '_');
}
