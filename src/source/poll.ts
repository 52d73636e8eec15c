import type { Instant } from '../core/app.ts';
import type { Clock } from '../core/ports.ts';

/** The timer behind full reads. */
export interface Poll {
  /** Ticks until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** From now on, ticks come `often` (the event stream cannot be had) or at the usual pace. */
  hurry(often: boolean): void;
  /** Until then, ticks come often whatever `hurry` says. Gives the time between them, ms. */
  hurryUntil(at: Instant): number;
}

/** While there is no event stream, or none that is trusted, polls come this many times as often, but not below a second for that reason. */
const HURRY = 3;
const LEAST_HURRIED_MS = 1_000;

/** Calls `tick` every `intervalMs` ± 10 %, so that many nodes do not ask at the same moment. */
export function createPoll(intervalMs: number, tick: () => void, clock: Clock, random: () => number): Poll {
  let often = false;
  let wary: Instant | undefined;
  let changed = new AbortController();
  const hurried = (usual: number) => Math.min(usual, Math.max(usual / HURRY, LEAST_HURRIED_MS));
  const interval = () => {
    const usual = intervalMs * (0.9 + 0.2 * random());
    return often || (wary !== undefined && clock.now() < wary) ? hurried(usual) : usual;
  };
  return {
    async run(signal) {
      let last = clock.now();
      while (!signal.aborted) {
        const due = last + interval();
        await clock.sleep(Math.max(0, due - clock.now()), AbortSignal.any([signal, changed.signal]));
        if (changed.signal.aborted) changed = new AbortController();
        if (signal.aborted || clock.now() < due) continue;
        last = clock.now();
        tick();
      }
    },
    hurry(wanted) {
      if (wanted === often) return;
      often = wanted;
      changed.abort();
    },
    hurryUntil(at) {
      wary = at;
      changed.abort();
      return hurried(intervalMs);
    },
  };
}
