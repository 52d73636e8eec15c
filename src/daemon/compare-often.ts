import type { Instant } from '../core/app.ts';
import type { Clock } from '../core/ports.ts';
import { createAlarm } from './alarm.ts';

/** Comparisons of everything, at a distance or when somebody asks. */
export interface Comparisons {
  /** One begins now, or right after the one under way. */
  soon(): void;
  /** Makes one after the other until aborted. */
  run(compare: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** The first one comes `everyMs` after `run` begins, whatever else the daemon can or cannot do. */
export function createComparisons(clock: Clock, everyMs: number): Comparisons {
  const alarm = createAlarm(clock);
  let due = (clock.now() + everyMs) as Instant;
  return {
    soon() {
      due = clock.now();
      alarm.ring();
    },
    async run(compare, signal) {
      due = (clock.now() + everyMs) as Instant;
      for (;;) {
        await alarm.until(() => due, signal);
        if (signal.aborted) return;
        due = (clock.now() + everyMs) as Instant;
        await compare(signal);
      }
    },
  };
}
