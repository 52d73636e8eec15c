import type { Instant } from '../core/app.ts';
import type { Clock } from '../core/ports.ts';

/** Longest single sleep: timers of the platform are bounded. */
const LONGEST_SLEEP_MS = 3_600_000;

const WOKEN = 'woken';

/** Waits for a time that may move while it waits. */
export interface Alarm {
  /** Resolves once `due` is reached (undefined: never), or the signal is aborted. Asks `due` again after each `ring`. */
  until(due: () => Instant | undefined, signal: AbortSignal): Promise<void>;
  /** Something that `due` depends on has changed. */
  ring(): void;
}

/** An alarm on the injected clock. */
export function createAlarm(clock: Clock): Alarm {
  let sleeping: AbortController | undefined;
  // With a reason of our own: the usual one is an error with a stack, made for every hint of a burst.
  const ring = (): void => sleeping?.abort(WOKEN);
  return {
    async until(due, signal) {
      signal.addEventListener('abort', ring);
      while (!signal.aborted) {
        const now = clock.now();
        const at = due() ?? now + LONGEST_SLEEP_MS;
        if (at <= now) break;
        sleeping = new AbortController();
        await clock.sleep(Math.min(at - now, LONGEST_SLEEP_MS), sleeping.signal);
      }
      sleeping = undefined;
      signal.removeEventListener('abort', ring);
    },
    ring,
  };
}
