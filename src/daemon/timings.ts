import type { AllowanceTimings } from './allowance.ts';

/** When passes run, in milliseconds. */
export interface Timings {
  /**
   * A burst is over after this long without a hint: after twice the time of the last pass where that is longer, and twice as
   * long again while reloads keep coming; never longer than `settleMaxMs`.
   */
  readonly settleMs: number;
  readonly settleMaxMs: number;
  /** No hint waits longer than this for the end of a burst, or than four times the last pass where that is longer … */
  readonly leastDelayMs: number;
  /** … but never longer than this. */
  readonly maxDelayMs: number;
  /** A pass that looks at more than `fewApps` counts as `manyWeigh`: where so much happens, what comes meanwhile goes with it. */
  readonly passes: AllowanceTimings;
  readonly fewApps: number;
  readonly manyWeigh: number;
  /** How long a look that may wait does so while much happens; longer than most tasks take to end. */
  readonly patienceMs: number;
  /** From one pass to the next while somebody's last server is about to go. */
  readonly hurriedMs: number;
  readonly reloads: AllowanceTimings;
  /** From one look at the old workers that are in the way of a reload to the next. */
  readonly oldWorkersLookMs: number;
  /** Full-jitter back-off after a failure. */
  readonly backoff: Backoff;
  /** The same after a failed reload: each attempt can pause all listeners for 2 s (measured on HAProxy 2.6.12). */
  readonly reloadBackoff: Backoff;
  /** A hint that arrives during a back-off is answered early, but not sooner than this after the failure. */
  readonly hintFloorMs: number;
  /** The same after a failed reload. */
  readonly reloadHintFloorMs: number;
  /** A quarantined app is tried again after this long even if it did not change: its rival may have left. */
  readonly quarantineRetryMs: number;
  /** An app that is only suspected is tried again after this long, and whatever is to be looked at again soon. */
  readonly suspectRetryMs: number;
  /** After a search that found nobody, no other one begins for the copy on disk before this. */
  readonly searchAgainMs: number;
  /** How long a task that an event called leaving is kept out although Marathon still lists it as running. */
  readonly leavingMs: number;
  /** From a change over the socket to its copy on disk; what changes meanwhile goes with it. */
  readonly followMs: number;
  /** While changes keep coming, from one copy to the next: each is as large as the cluster, and HAProxy checks it. */
  readonly followMaxMs: number;
  /** From one copy that failed to the next one, at most: a full disk, for example. */
  readonly followAgainMs: number;
  /** From one comparison of everything in HAProxy with what should be there to the next. */
  readonly compareMs: number;
  /** Between two slices of one: HAProxy and the event loop have other things to do. */
  readonly comparePauseMs: number;
  /** From one look at what lies outside (peers, other people's listeners) to the next. */
  readonly tendMs: number;
  /** How long the first look waits for the event stream, whose beginning would ask for another one. */
  readonly attachMs: number;
  /** How long the source may take to close at the end. */
  readonly closeMs: number;
}

/** The bounds of a back-off. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Least part of the present bound, 0 to 1. */
  readonly least?: number;
}

/** What `run` uses. */
export const TIMINGS: Timings = {
  settleMs: 30,
  settleMaxMs: 240,
  leastDelayMs: 250,
  maxDelayMs: 1_000,
  passes: { leastMs: 0, everyMs: 200, burst: 10 },
  fewApps: 4,
  manyWeigh: 4,
  patienceMs: 8_000,
  hurriedMs: 50,
  reloads: { leastMs: 100, everyMs: 1_000, burst: 5 },
  oldWorkersLookMs: 5_000,
  backoff: { baseMs: 200, maxMs: 15_000 },
  reloadBackoff: { baseMs: 1_000, maxMs: 30_000, least: 0.5 },
  hintFloorMs: 500,
  reloadHintFloorMs: 2_000,
  quarantineRetryMs: 600_000,
  suspectRetryMs: 2_000,
  searchAgainMs: 60_000,
  leavingMs: 60_000,
  followMs: 1_000,
  followMaxMs: 5_000,
  followAgainMs: 30_000,
  compareMs: 30_000,
  comparePauseMs: 5,
  tendMs: 60_000,
  attachMs: 500,
  closeMs: 2_000,
};

/** A larger budget of reloads a minute than usual needs them closer to each other; a smaller one is a matter of what can wait. */
export function withBudget(timings: Timings, reloadsPerMinute: number): Timings {
  const everyMs = Math.min(timings.reloads.everyMs, 60_000 / reloadsPerMinute);
  return { ...timings, reloads: { ...timings.reloads, everyMs } };
}

/**
 * Full-jitter delay before attempt `failures` + 1, in ms: evenly between 0 and the doubled base, so that nodes do not move in
 * step; never below a quarter of the base, so that no stroke of luck makes it a hot loop. `random` is in [0, 1).
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(Math.max(0, failures - 1), 30));
  const least = Math.max(backoff.baseMs / 4, (backoff.least ?? 0) * ceiling);
  return Math.round(Math.max(least, random * ceiling));
}
