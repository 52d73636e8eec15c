import type { AppId, Instant } from '../core/app.ts';
import type { Generation, TemplateFailure } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { Memory } from '../core/memory.ts';
import type { Peers } from '../core/peer.ts';
import type { ApplyPlan } from '../core/plan.ts';
import type { Clock, GoodApps, Haproxy, MemoryStore, OperatorFiles, PassCause, Source } from '../core/ports.ts';
import { formatReason } from '../core/reload-reason.ts';
import type { RenderPlace } from '../core/render.ts';
import type { Result } from '../core/result.ts';
import type { BackendName } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';
import type { Reserve } from '../core/spares.ts';
import type { Holding } from '../core/stand-in.ts';
import type { Scope } from './hints.ts';
import type { Inputs } from './inputs.ts';
import type { Draft } from './isolate.ts';
import type { Left } from './lane.ts';
import type { Stages } from './stages.ts';
import type { Timings } from './timings.ts';

/** What a pass touches. */
export interface PassDeps {
  readonly source: Source;
  readonly haproxy: Haproxy;
  readonly files: OperatorFiles;
  readonly memoryStore: MemoryStore;
  readonly goodApps: GoodApps;
  /** Other edges. */
  readonly peers: Peers;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly place: RenderPlace;
  /** Backends, or profiles of such, held ready for new apps. */
  readonly spares: readonly Reserve[];
  readonly stages: Stages;
  readonly emit: (event: DaemonEventBody) => void;
  readonly timings: Timings;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
}

/** How a pass ended. After a failure `refetch` is what has to be fetched again. */
export type PassOutcome =
  /** `carried`: over the socket; the disk is to follow. */
  | { readonly kind: 'unchanged' | 'applied' | 'carried' }
  /** A reload is left to do, not before `until`; what the socket could carry is carried. */
  | { readonly kind: 'waiting'; readonly refetch: Scope; readonly until: Instant }
  /** `until`: a reload failed, and what it asked for is not to be tried before. */
  | { readonly kind: 'failed'; readonly at: FailedStep; readonly refetch: Scope; readonly until?: Instant };

/** A pass that is over; `workMs`: how long it took without the time in which the source was asked. */
export type EndedPass = PassOutcome & { readonly workMs: number };

/**
 * The step that failed; `held`: none did, but a reload that failed before has to wait; `stopped`: none did, the end of the daemon
 * came first.
 */
type FailedStep = 'observe' | 'snapshot' | 'render' | 'validation' | 'reload' | 'held' | 'stopped';

/** Somebody wants a pass at a time of their own, though nothing hints at one. The pass has to move it on. */
export interface Wake {
  readonly at: Instant;
  readonly scope: Scope;
  readonly reason: string;
}

/** Makes HAProxy run what Marathon shows, one pass at a time. Keeps between passes what need not be fetched or asked again. */
export interface Reconciler {
  /** HAProxy serves the last good configuration from here on, if there is one. */
  start(): Promise<void>;
  /** `reloadFrom`: no reload before this. */
  pass(cause: PassCause, signal: AbortSignal, reloadFrom: Instant): Promise<EndedPass>;
  /** Compares everything in HAProxy with what should be there. True: a pass has something to put right. */
  compare(signal: AbortSignal): Promise<boolean>;
  /** The earliest wish for a pass. */
  wake(): Wake | undefined;
  /** What is looked after from time to time, beside the passes. */
  tend(signal: AbortSignal): Promise<void>;
  /** The disk catches up with the socket. True: it could not, and should be asked again. */
  follow(): Promise<boolean>;
  /** What was learned is on disk when this resolves. */
  close(): Promise<void>;
  /** Spares in use, by the name of the backend that they carry. */
  places(): ReadonlyMap<BackendName, BackendName>;
  /** Takes servers of leaving tasks out of rotation. */
  leave(leaving: readonly LeavingTask[]): Promise<Left>;
  /** What runs is no longer certain: the next pass asks before it plans. */
  doubt(): void;
  /** Events call these apps destroyed: that explains why they are missing. */
  removed(apps: readonly AppId[]): void;
  /** An operator believes the answer that is held. False: none is. */
  accept(): boolean;
  /** Who holds which name, by the newest table. */
  claims(): ReadonlyMap<string, AppId>;
  /** A worker of this generation was seen; true when another one was expected. */
  suspect(generation: Generation): boolean;
}

/** One pass on its way. */
export interface Pass {
  readonly cause: PassCause;
  readonly signal: AbortSignal;
  readonly inputs: Inputs;
  readonly reloadFrom: Instant;
}

/** What a snapshot came to. */
export interface Decided extends Draft {
  readonly plan: ApplyPlan;
  /** The same, with more apps held at what was good of them. */
  readonly without: (more: ReadonlyMap<AppId, Holding>) => Promise<Result<Draft, TemplateFailure>>;
  /** What was remembered before, and what is to be. */
  readonly memory: { readonly before: Memory; readonly after: Memory };
}

/** One line for the generation's manifest. */
export function whyOf(cause: PassCause, plan: ApplyPlan): string {
  const reasons = plan.reload.slice(0, 3).map(formatReason);
  return `${cause.reasons.slice(0, 5).join(', ')}: ${reasons.join(', ')}`;
}
