import type { Instant } from '../core/app.ts';
import { createAllowance } from './allowance.ts';
import type { Hints, Scope } from './hints.ts';
import type { Timings } from './timings.ts';
import { backoffMs } from './timings.ts';

/** Says when the next pass may run. */
export interface Pace {
  /** A pass begins that looks at so much. */
  begins(scope: Scope): void;
  /** Somebody's last server is about to go: the next pass, which may know another one, does not keep its distance. */
  hurry(): void;
  /** So much happens that what may wait does, until the time given; undefined: not now. */
  patience(now: Instant): Instant | undefined;
  /** When the next pass is due; undefined: nothing asks for one. */
  due(): Instant | undefined;
  /** Reloads keep a distance: none before this. What the socket can carry does not wait for it. */
  reloadFrom(): Instant;
  /** A pass of `ms` ended without failure; `reloaded`: HAProxy was reloaded in it. */
  succeeded(now: Instant, reloaded: boolean, ms: number): void;
  /** A pass of `ms` ended with a reload left to do, which has to wait. */
  waits(now: Instant, until: Instant, ms: number): void;
  /** A pass failed; `hold`: for a reload that failed now (`tried`) or before, and is not to be tried again until its time. */
  failed(now: Instant, hold?: Hold): void;
}

/** A reload that must wait. */
export interface Hold {
  readonly until: Instant;
  readonly tried: boolean;
}

/**
 * The state machine between passes. From idle, the first hint is answered at once; hints close to a pass settle as a burst;
 * after a failure the next attempt comes by itself, earlier when something new is hinted.
 */
export function createPace(hints: Hints, timings: Timings, random: () => number): Pace {
  let failures = 0;
  let retry: { readonly at: Instant; readonly hintFloor: Instant } | undefined;
  let lastEnd: Instant | undefined;
  /** Each reload leaves a worker behind that finishes its connections. */
  const reloads = createAllowance(timings.reloads);
  /** Single changes are followed at once; what keeps coming is taken together, a few times a second. */
  const passes = createAllowance(timings.passes);
  let settling = true;
  /** While reloads keep coming. */
  let reloadSettleMs = timings.settleMs;
  let lastMs = 0;
  let hurried = false;
  /** Of the pass under way, as `passes` counts. */
  let weight = 1;

  const quiet = (): number => Math.min(Math.max(reloadSettleMs, 2 * lastMs), timings.settleMaxMs);
  const longest = (): number => Math.min(Math.max(timings.leastDelayMs, 4 * lastMs), timings.maxDelayMs);

  const hintDue = (): Instant | undefined => {
    const burst = hints.burst();
    if (burst === undefined) return undefined;
    const close = lastEnd !== undefined && burst.firstAt - lastEnd < quiet();
    const settled = Math.min(burst.lastAt + quiet(), burst.firstAt + longest());
    const at = (settling || close) && !hurried ? settled : burst.firstAt;
    const from = hurried ? (lastEnd ?? 0) + timings.hurriedMs : passes.from();
    return Math.max(at, from, retry?.hintFloor ?? at) as Instant;
  };

  const deferredDue = (): Instant | undefined => {
    const at = hints.deferredUntil();
    return at === undefined ? undefined : (Math.max(at, passes.from(), retry?.hintFloor ?? at) as Instant);
  };

  /** Reloads in close order make the next burst settle longer: each leaves a worker behind. */
  const ended = (now: Instant, reloaded: boolean, ms: number): void => {
    lastMs = ms;
    passes.took(now, weight);
    const dense = reloaded && lastEnd !== undefined && now - lastEnd < 4 * reloadSettleMs;
    reloadSettleMs = dense ? Math.min(2 * reloadSettleMs, timings.settleMaxMs) : timings.settleMs;
    lastEnd = now;
  };

  return {
    begins(scope) {
      hurried = false;
      weight = scope === 'all' || scope.length > timings.fewApps ? timings.manyWeigh : 1;
    },
    hurry() {
      hurried = true;
    },
    patience(now) {
      return now < passes.busyUntil() ? ((now + timings.patienceMs) as Instant) : undefined;
    },
    due() {
      const times = [hintDue(), deferredDue(), retry?.at].filter((time) => time !== undefined);
      return times.length === 0 ? undefined : (Math.min(...times) as Instant);
    },
    reloadFrom: reloads.from,
    succeeded(now, reloaded, ms) {
      failures = 0;
      retry = undefined;
      ended(now, reloaded, ms);
      settling = hints.burst() !== undefined;
      if (reloaded) reloads.took(now);
    },
    waits(now, until, ms) {
      failures = 0;
      retry = { at: until, hintFloor: now };
      ended(now, false, ms);
      settling = hints.burst() !== undefined;
    },
    failed(now, hold) {
      failures += 1;
      const delay = backoffMs(timings.backoff, failures, random());
      const soonest = (now + Math.min(delay, timings.hintFloorMs)) as Instant;
      if (hold === undefined) retry = { at: (now + delay) as Instant, hintFloor: soonest };
      else if (hold.tried) retry = { at: hold.until, hintFloor: (now + timings.reloadHintFloorMs) as Instant };
      else retry = { at: hold.until, hintFloor: retry?.hintFloor ?? now };
      ended(now, true, lastMs);
      settling = hold?.tried === false ? hints.burst() !== undefined : true;
    },
  };
}
