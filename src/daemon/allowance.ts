import type { Instant } from '../core/app.ts';

/** How often something may happen, in milliseconds: a few times in a row, then one at a time. */
export interface AllowanceTimings {
  /** From one time to the next, also within the few. */
  readonly leastMs: number;
  /** From one time to the next while they keep coming. */
  readonly everyMs: number;
  /** Times that may be ahead of that. */
  readonly burst: number;
}

/** Times that are left of a few in a row; rest gives them back. */
export interface Allowance {
  /** Not before this. */
  from(): Instant;
  /** Until when less than half of the few in a row are left. */
  busyUntil(): Instant;
  /** `times`: it counts as so many; 1 by default. */
  took(now: Instant, times?: number): void;
}

/** Nothing was taken yet. */
export function createAllowance({ leastMs, everyMs, burst }: AllowanceTimings): Allowance {
  let last: Instant | undefined;
  /** As of the last time. */
  let left = burst;
  return {
    busyUntil() {
      if (last === undefined) return 0 as Instant;
      return (last + Math.round((burst / 2 - left) * everyMs)) as Instant;
    },
    from() {
      if (last === undefined) return 0 as Instant;
      return (last + Math.max(leastMs, Math.round((1 - left) * everyMs))) as Instant;
    },
    took(now, times = 1) {
      const regained = last === undefined ? 0 : (now - last) / everyMs;
      left = Math.min(burst, left + regained) - times;
      last = now;
    },
  };
}
