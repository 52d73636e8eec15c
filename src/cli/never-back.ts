import type { Instant } from '../core/app.ts';

/**
 * The time of day that never goes back: where somebody sets the clock back, it goes on from where it was, at the pace of a clock that
 * nobody sets. All that waits for a time would else wait for as long as the clock was set back. Set forward, it follows. It is asked
 * thousands of times a second: `wall` is once in a millisecond at most.
 * `wall`: ms since the epoch; `steady`: ms since anything.
 */
export function neverBack(wall: () => number, steady: () => number): () => Instant {
  let ahead = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const passed = steady();
    if (passed - askedAt >= 1) {
      askedAt = passed;
      ahead = Math.max(ahead, wall() - passed);
    }
    return Math.floor(ahead + passed) as Instant;
  };
}
