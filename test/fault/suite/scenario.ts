import type { StatusView } from '../../../src/core/status-view.ts';
import type { StandInMarathon } from '../../../src/demo/stand-in.ts';
import type { get, PortolanProcess } from '../../support/portolan-process.ts';
import type { SmallDisk } from '../../support/small-disk.ts';
import type { Row } from './failure-modes.ts';

/** What `/v1/status` says. */
export type Status = Omit<StatusView, 'degraded'> & { readonly degraded: readonly string[] };

/**
 * One fault, done to a running Portolan while 20 vhosts are asked 20 times a second each, and not one request may fail.
 *
 * The runner: waits until all is well, `prepare`s, `inject`s, waits for `shows`, lets the fault last for `seconds` (and as
 * long as `during` takes), `heal`s, waits for `recovered`, asks `after`, and counts. Then, as a test of its own, the same
 * again with Portolan SIGKILLed and started in the middle of the fault.
 */
export interface Scenario {
  /** A sentence about what happens, e.g. `every master refuses connections`. */
  readonly name: string;
  /** The failure modes and incidents it injects, as `failure-modes.ts` counts them, e.g. `['2', 'I1']`. */
  readonly rows: readonly Row[];
  /** How long the fault lasts at least. `short` is for `npm test`, where all scenarios together have 8 minutes. */
  readonly seconds: { readonly full: number; readonly short: number };
  /** What has to be there before the fault begins; the requests are watched already. */
  prepare?(stage: Stage): Promise<void>;
  /** Begins the fault; the clock of `seconds` starts when it resolves. */
  inject(stage: Stage): Promise<void>;
  /** Goes on while the fault lasts, beside the restart of Portolan where there is one; the fault lasts until it ends. */
  during?(stage: Stage): Promise<void>;
  /** Ends the fault; recovery is timed from when it resolves. Must also work when `inject` stopped half way. */
  heal(stage: Stage): Promise<void>;
  /**
   * What Portolan must say about the fault: the word for the table, or undefined as long as it does not say it. Waited for
   * after `inject`, and again after a restart. Without it, the table shows what was degraded meanwhile.
   */
  shows?(status: Status): string | undefined;
  /** Whether it is over. Default `isWell`. */
  recovered?(stage: Stage): Promise<boolean>;
  /** Looks back when it is over: what is not as it should be, or undefined. */
  after?(stage: Stage): Promise<string | undefined>;
  /** Takes away what the scenario brought, apps and processes of its own; called at the end whatever happened. */
  tidy?(stage: Stage): Promise<void>;
  /** Whether a failed request is the death of a task itself; nothing else may be excused. */
  excuse?(failure: string): boolean;
  /** `/readyz` may say no meanwhile: HAProxy itself is the victim. */
  readonly readyDips?: true;
  /** Left to the full form, as the short one has eight minutes for all of them. */
  readonly onlyFull?: true;
  /** A restart of Portolan in the middle proves nothing here; say why in the file. */
  readonly restart?: false;
  /** What is otherwise where Portolan is restarted in the middle: a new life has not heard what the one before has. */
  readonly whenRestarted?: Partial<Scenario>;
  /** Seconds that `shows` and `recovered` may take each. Default 30. */
  readonly patience?: number;
}

type Answer = Awaited<ReturnType<typeof get>>;

/** What a scenario acts on: 20 apps with two tasks each, each on a vhost of its own, behind a real Portolan and HAProxy. */
export interface Stage {
  readonly marathon: StandInMarathon;
  readonly portolan: PortolanProcess;
  /** The apps that are watched, in order; leave them routable. Apps of your own go below `/extra/`. */
  readonly apps: readonly { readonly id: string; readonly vhost: string }[];
  /** Ports that are nobody's, 20 of them, for what a scenario opens itself. */
  readonly freePorts: readonly number[];
  /** What Portolan says now; waits up to 20 s for an answer. */
  status(): Promise<Status>;
  /** One request through HAProxy to a vhost: the status, 0 without an answer. */
  ask(vhost: string, path?: string): Promise<number>;
  /** As `ask`, with all of the answer. */
  request(vhost: string, path?: string): Promise<Answer>;
  /** As `status`, without waiting: undefined while Portolan does not answer. */
  look(): Promise<Status | undefined>;
  /** SIGKILL and start again. Resolves once it is ready again. */
  restartPortolan(): Promise<void>;
  /** Adds a word to the state column of the table. */
  says(text: string): void;
  /** Where Portolan's state is, if it is on a disk of its own. */
  readonly disk?: SmallDisk;
  /** True when this is the form of `npm run test:faults`. */
  readonly full: boolean;
}

/** Ready, nothing degraded, Marathon is read, and what should run runs. */
export function isWell(status: Status): boolean {
  return (
    status.ready &&
    status.degraded.length === 0 &&
    status.source.failing === undefined &&
    status.applyFailing === undefined &&
    status.converged
  );
}
