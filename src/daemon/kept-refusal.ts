import type { Instant } from '../core/app.ts';
import type { RenderedConfig } from '../core/config.ts';
import { listenersOf } from '../core/listeners.ts';
import type { HaproxyFailure } from '../core/ports.ts';
import type { Timings } from './timings.ts';
import { backoffMs } from './timings.ts';

/**
 * The reload that failed last. Each attempt can pause all listeners for 2 s (measured on HAProxy 2.6.12 to 3.2), so what asks
 * for the same listeners waits for its time, whatever is hinted meanwhile and however often the wish comes and goes.
 */
export interface KeptRefusal {
  /** Why and until when this configuration is not to be tried; undefined: it may be. */
  holds(config: RenderedConfig, now: Instant): Held | undefined;
  /** It was tried and failed; gives when to try again at the earliest, where that is for a reload's sake. */
  failed(config: RenderedConfig, failure: HaproxyFailure, now: Instant): Instant | undefined;
  /** HAProxy took a configuration. */
  succeeded(): void;
}

/** What was refused, and until when the same is not tried again. */
interface Held {
  readonly failure: HaproxyFailure;
  readonly until: Instant;
}

/** Nothing was refused yet. */
export function createKeptRefusal(timings: Pick<Timings, 'reloadBackoff'>, random: () => number): KeptRefusal {
  let refused: (Held & { readonly listeners: string }) | undefined;
  let failures = 0;
  return {
    holds(config, now) {
      if (refused === undefined || now >= refused.until) return undefined;
      return refused.listeners === listenersOf(config) ? refused : undefined;
    },
    failed(config, failure, now) {
      if (failure.kind !== 'reload-failed') return undefined;
      failures += 1;
      const until = (now + backoffMs(timings.reloadBackoff, failures, random())) as Instant;
      refused = { listeners: listenersOf(config), failure, until };
      return until;
    },
    succeeded() {
      refused = undefined;
      failures = 0;
    },
  };
}
