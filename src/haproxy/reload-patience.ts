import type { Timings } from './timings.ts';

/** How long a reload may take: nothing else changes HAProxy meanwhile, so that one that comes to nothing must not take long. */
export interface ReloadPatience {
  /** In ms. */
  limit(): number;
  /** HAProxy has read a configuration (checked it, or loaded it) in this many ms. */
  took(ms: number): void;
}

/** A reload may take this many times what it took last: the machine may be busier. */
const TIMES = 10;

/** Nothing was read yet. */
export function createReloadPatience(timings: Pick<Timings, 'reload' | 'leastReload'>): ReloadPatience {
  let last = 0;
  return {
    limit: () => Math.min(timings.reload, Math.max(timings.leastReload, TIMES * last)),
    took(ms) {
      last = ms;
    },
  };
}
