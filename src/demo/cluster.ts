import type { Definition } from './definition.ts';
import { createEventBus, type EventBus } from './event-bus.ts';
import type { AgentSpec, MarathonOptions } from './options.ts';
import { createRandom, type Random } from './random.ts';
import type { RealTask } from './tasks.ts';
import { createTimers, type Timers } from './timers.ts';

/** Where an instance is in its life: Marathon's task states, and `scheduled`, which no list shows. */
type InstanceState =
  | 'scheduled'
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_UNREACHABLE'
  | 'TASK_FAILED'
  | 'TASK_FINISHED'
  | 'TASK_KILLED';

/** What is known of one health check of one instance. Times are ISO texts. */
export interface HealthResult {
  alive: boolean;
  consecutiveFailures: number;
  firstSuccess?: string;
  lastSuccess?: string;
  lastFailure?: string;
  lastFailureCause?: string;
}

/** An instance of an app with its one task; the engine changes it in place. */
export interface Instance {
  readonly app: string;
  readonly uuid: string;
  /** Order of birth. */
  readonly birth: number;
  definition: Definition;
  incarnation: number;
  state: InstanceState;
  /** It should run: when its task ends it is started again. */
  wanted: boolean;
  /** The event that tells of its changed goal was published. */
  goalTold: boolean;
  killing: boolean;
  /** Counts as replaced: unreachable longer than its strategy allows. */
  inactive: boolean;
  failures: number;
  agent?: Agent;
  hostPorts: readonly number[];
  ip?: string;
  stagedAt?: string;
  startedAt?: string;
  /** One place per health check of the definition; empty places are unknown. */
  health: (HealthResult | undefined)[];
  task?: RealTask;
}

/** An agent and what it has given away. */
export interface Agent extends AgentSpec {
  readonly id: string;
  readonly taken: Set<number>;
  alive: boolean;
}

/** An app with everything that was ever asked of it. */
export interface ClusterApp {
  readonly id: string;
  definition: Definition;
  /** Newest first, the present one included. */
  versions: Definition[];
  readonly instances: Set<Instance>;
  lastTaskFailure?: Readonly<Record<string, unknown>>;
}

/** One action of a deployment. */
export interface DeploymentAction {
  readonly action: 'StartApplication' | 'StopApplication' | 'ScaleApplication' | 'RestartApplication';
  readonly app: string;
}

/** A running deployment. */
export interface Deployment {
  readonly id: string;
  readonly version: string;
  readonly steps: readonly (readonly DeploymentAction[])[];
  readonly apps: ReadonlySet<string>;
  /** What each app was before; undefined: it did not exist. */
  readonly originals: ReadonlyMap<string, Definition | undefined>;
  /** Results of readiness checks by task, of the present step: another leader begins anew. */
  readonly readiness: Map<string, Readonly<Record<string, unknown>>>;
  /** Index into `steps`. */
  current: number;
  cancelled: boolean;
}

/** The state that all masters share, and what makes it move. */
export interface Cluster {
  readonly options: MarathonOptions;
  readonly apps: Map<string, ClusterApp>;
  readonly deployments: Map<string, Deployment>;
  readonly agents: readonly Agent[];
  readonly bus: EventBus;
  readonly random: Random;
  readonly timers: Timers;
  /** Every task process that may still be alive, also those that no list shows any more. */
  readonly realTasks: Set<RealTask>;
  /** Service ports and the apps whose present definition owns them. */
  readonly servicePorts: Map<number, string>;
  /** The root group's version. */
  version: string;
  /** The present time as a version that no other has. */
  nextVersion(): string;
  nextBirth(): number;
  /** Tells everyone who waits that something about the app changed. */
  touch(app: string): void;
  /** Resolves true once the condition holds, looked at again after each change of the app; false when `given up` or stopped. */
  until(app: string, holds: () => boolean, givenUp?: () => boolean): Promise<boolean>;
  /** Ends all timers and everyone's waiting. */
  stop(): void;
}

/** An empty cluster. */
export function createCluster(options: MarathonOptions): Cluster {
  const timers = createTimers();
  const watchers = new Map<string, Set<() => void>>();
  let lastVersion = 0;
  let births = 0;
  const nextVersion = (): string => {
    lastVersion = Math.max(Date.now(), lastVersion + 1);
    return new Date(lastVersion).toISOString();
  };
  const random = createRandom(options.seed);
  const framework = random.uuid();
  return {
    options,
    apps: new Map(),
    deployments: new Map(),
    agents: options.agents.map((agent, i) => ({ ...agent, id: `${framework}-S${i}`, taken: new Set(), alive: true })),
    bus: createEventBus(),
    random,
    timers,
    realTasks: new Set(),
    servicePorts: new Map(),
    version: nextVersion(),
    nextVersion,
    nextBirth: () => births++,
    touch: (app) => {
      for (const look of [...(watchers.get(app) ?? [])]) look();
    },
    until: (app, holds, givenUp = () => false) =>
      new Promise((resolve) => {
        const looks = watchers.get(app) ?? new Set();
        watchers.set(app, looks);
        const look = (): void => {
          const gone = givenUp() || timers.stopped;
          if (!gone && !holds()) return;
          looks.delete(look);
          if (looks.size === 0 && watchers.get(app) === looks) watchers.delete(app);
          resolve(!gone);
        };
        looks.add(look);
        look();
      }),
    stop: () => {
      timers.stop();
      for (const looks of [...watchers.values()]) for (const look of [...looks]) look();
    },
  };
}

/** The live instances of an app that should run. */
export function wantedInstances(app: ClusterApp): readonly Instance[] {
  return [...app.instances].filter((instance) => instance.wanted && !instance.inactive);
}

/** Running, and healthy by every check of its own definition. */
export function isHealthy(instance: Instance): boolean {
  if (instance.state !== 'TASK_RUNNING' || instance.killing) return false;
  return instance.definition.healthChecks.every((_check, index) => instance.health[index]?.alive === true);
}

/** A Marathon second count in milliseconds of real time. */
export function toMs(cluster: Cluster, seconds: number): number {
  return seconds * cluster.options.secondMs;
}
