import type { MarathonTimings } from './timings.ts';

/** How long to wait for one kind of request to one master. */
interface Patience {
  readonly headers: number;
  readonly body: number;
  readonly hedge: number;
}

/** Learns how slow a cluster is, so that a slow one is waited for and not asked again and again. */
export interface PatienceBook {
  /** What to allow the next request. */
  of(key: string): Patience;
  /** The head of the answer came after `ms`. */
  answered(key: string, ms: number): void;
  /** The time ran out. */
  ranOut(key: string): void;
}

/**
 * A deadline twice the usual latency, never below the configured one and at most `stretch` times of it. A request that
 * ran out doubles the next one's time; hedging waits for one and a half times the usual latency.
 */
export function createPatience(timings: MarathonTimings): PatienceBook {
  const known = new Map<string, { latency: number; factor: number }>();
  const entry = (key: string) => known.get(key) ?? { latency: 0, factor: 1 };
  const bounded = (factor: number) => Math.min(timings.stretch, Math.max(1, factor));

  return {
    of(key) {
      const { latency, factor } = entry(key);
      return {
        headers: timings.headers * factor,
        body: timings.body * factor,
        hedge: Math.min(timings.headers * timings.stretch, Math.max(timings.hedge, 1.5 * latency)),
      };
    },
    answered(key, ms) {
      const before = entry(key).latency;
      const latency = before === 0 || ms > before ? ms : before * 0.7 + ms * 0.3;
      known.set(key, { latency, factor: bounded((2 * latency) / timings.headers) });
    },
    ranOut(key) {
      const { latency, factor } = entry(key);
      known.set(key, { latency, factor: bounded(factor * 2) });
    },
  };
}
