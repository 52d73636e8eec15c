import { setImmediate as turn } from 'node:timers/promises';
import type { Instant } from '../../src/core/app.ts';
import type { Clock } from '../../src/core/ports.ts';

/** A clock that moves only when told. */
export interface ManualClock extends Clock {
  /** Moves on by `ms`; whatever falls due on the way happens in order, with all that follows from it. */
  advance(ms: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  sleepers(): number;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Starts at `start` (ms since the epoch). */
export function createManualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  const sleepers = new Set<Sleeper>();
  // Scripted ports settle within promise jobs; one turn of the event loop runs all of them, a second one what they started.
  const settle = async (): Promise<void> => {
    await turn();
    await turn();
  };
  return {
    now: () => now as Instant,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const done = (): void => {
          sleepers.delete(sleeper);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const sleeper: Sleeper = { at: now + Math.max(0, ms), wake: done };
        sleepers.add(sleeper);
        signal.addEventListener('abort', done);
      }),
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const next = [...sleepers].filter((sleeper) => sleeper.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        now = Math.max(now, next.at);
        next.wake();
      }
      now = end;
      await settle();
    },
    settle,
    sleepers: () => sleepers.size,
  };
}
