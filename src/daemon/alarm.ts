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
  let sleeping: { readonly until: Instant; readonly end: AbortController; readonly due: () => Instant } | undefined;
  // With a reason of our own: the usual one is an error with a stack, made for every hint of a burst.
  const wake = (): void => sleeping?.end.abort(WOKEN);
  return {
    async until(due, signal) {
      const dueAt = (): Instant => due() ?? ((clock.now() + LONGEST_SLEEP_MS) as Instant);
      signal.addEventListener('abort', wake);
      while (!signal.aborted) {
        const now = clock.now();
        const at = dueAt();
        if (at <= now) break;
        const until = Math.min(at, now + LONGEST_SLEEP_MS) as Instant;
        sleeping = { until, end: new AbortController(), due: dueAt };
        await clock.sleep(until - now, sleeping.end.signal);
      }
      sleeping = undefined;
      signal.removeEventListener('abort', wake);
    },
    ring() {
      // Most hints of a burst only put the time off: whoever sleeps finds that out when it is over. A clock that was set forward has passed
      // that time while the sleep goes on.
      if (sleeping !== undefined && (sleeping.due() < sleeping.until || sleeping.until <= clock.now())) wake();
    },
  };
}
