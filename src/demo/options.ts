/** Whose JSON the stand-in speaks: null and empty rules, network syntax, task ids, whether terminal tasks stay listed. */
export type Dialect = '1.4' | '1.10';

/** A Mesos agent: how Marathon names it and where its tasks really listen. */
export interface AgentSpec {
  /** As the agent advertises itself: host name or IP. */
  readonly host: string;
  /** Loopback address that its tasks bind. */
  readonly address: string;
}

/** How long the steps of a task's life take, in milliseconds of real time. */
interface Delays {
  /** From scheduled to the offer; the k-th instance of a batch waits k times as long. */
  readonly offer: number;
  /** From the offer to TASK_STARTING. */
  readonly staging: number;
  /** From TASK_STARTING to TASK_RUNNING. */
  readonly starting: number;
  /** From `deployment_info` to the new definition in `/v2/apps`. */
  readonly store: number;
  /** Without a leader after a leader change. */
  readonly election: number;
  /** After an election, how long the event stream still ends at once with 200. */
  readonly streamRace: number;
  /** From the first possible subscription after an election to `scheduler_reregistered_event` and reconciliation. */
  readonly reregister: number;
}

/** An inclusive range of ports. */
export interface PortBand {
  readonly from: number;
  readonly to: number;
}

/** Everything that can be asked of a stand-in Marathon. All have defaults. */
export interface MarathonOptions {
  readonly dialect: Dialect;
  /** Number of masters, 1–3; the first leads. */
  readonly masters: number;
  /** Address the masters listen on. */
  readonly address: string;
  /** Fixed ports of the masters; 0 or missing takes a free one of `masterPorts`, which stays the same when re-opened. */
  readonly ports: readonly number[];
  readonly masterPorts: PortBand;
  /** Port of the fault switches (`control.ts`); 0 takes a free one. */
  readonly controlPort: number;
  readonly basicAuth?: { readonly user: string; readonly password: string };
  /** Accepted as `Authorization: token=<token>`; anything else is a 401 in Admin Router's way. */
  readonly token?: string;
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** Path in front of everything, e.g. `/service/marathon`. */
  readonly prefix: string;
  readonly gzip: boolean;
  readonly agents: readonly AgentSpec[];
  /** Host ports of tasks; Mesos' default band lies outside Linux' range of outgoing ports. */
  readonly agentPorts: PortBand;
  readonly servicePorts: PortBand;
  /** `real`: every task listens and answers; `paper`: tasks exist in the JSON only and are always healthy. */
  readonly tasks: 'real' | 'paper';
  /** `real`: checks are run against the task; `manual`: only `setHealth` decides. */
  readonly health: 'real' | 'manual';
  /** The `task_killing` feature. */
  readonly taskKilling: boolean;
  /** Milliseconds of real time per Marathon second: check intervals, grace periods, back-off, agent loss. 1000 is real. */
  readonly secondMs: number;
  /** Kill grace of apps that name none, in Marathon seconds. */
  readonly killGraceSeconds: number;
  /** After how many Marathon seconds Mesos gives an agent up. */
  readonly agentLostSeconds: number;
  readonly delays: Delays;
  /** Milliseconds between heartbeats of the event stream. */
  readonly heartbeatMs: number;
  /** Unsent events at which a consumer counts as slow. */
  readonly maxOutstanding: number;
  /** Timeouts of a standby that asks the leader, in milliseconds. */
  readonly proxyReadTimeoutMs: number;
  /** Definitions kept per app. */
  readonly maxVersions: number;
  /** Answers list apps, tasks and health results in changing order, as Marathon's do. */
  readonly shuffle: boolean;
  readonly seed: number;
}

/** What a test may leave out: everything. */
export type MarathonOverrides = Partial<Omit<MarathonOptions, 'delays'>> & { readonly delays?: Partial<Delays> };

const DELAYS: Delays = { offer: 0, staging: 5, starting: 5, store: 0, election: 300, streamRace: 100, reregister: 200 };

/** Fills in the defaults. `seed` is the caller's: without one, pass something that differs between processes. */
export function completeOptions(overrides: MarathonOverrides, seed: number): MarathonOptions {
  const dialect = overrides.dialect ?? '1.10';
  return {
    dialect,
    masters: 1,
    address: '127.0.0.1',
    ports: [],
    masterPorts: { from: 28000, to: 28999 },
    controlPort: 0,
    prefix: '',
    gzip: true,
    agents: ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((address) => ({ host: address, address })),
    agentPorts: { from: 31000, to: 32000 },
    servicePorts: { from: 10000, to: 20000 },
    tasks: 'real',
    health: 'real',
    taskKilling: true,
    secondMs: 1000,
    killGraceSeconds: 3,
    agentLostSeconds: 75,
    heartbeatMs: 10_000,
    maxOutstanding: dialect === '1.4' ? 50 : 1024,
    proxyReadTimeoutMs: 10_000,
    maxVersions: 50,
    shuffle: true,
    seed,
    ...overrides,
    delays: { ...DELAYS, ...overrides.delays },
  };
}
