import type { Clock } from '../core/ports.ts';
import { type RouteReadiness, routeReadiness } from '../core/route-readiness.ts';
import type { LiveRoutes } from './live-routes.ts';
import type { Metrics } from './metrics.ts';

/** Longest wait in ms; more is cut down to it. */
export const LONGEST_WAIT_MS = 120_000;
/** Requests that may wait at the same time. */
const MOST_WAITERS = 1000;

/** How a question for a route ended: an answer, nobody there any more to hear it, or too many who wait. */
type RouteAnswer =
  | { readonly kind: 'answer'; readonly readiness: RouteReadiness }
  | { readonly kind: 'gone' }
  | { readonly kind: 'too-many' };

/** Answers questions for routes, at once or when they become ready. */
export interface RouteWaits {
  /** Waits up to `waitMs` for the route to become ready; `gone` frees the waiter when the client goes. */
  ask(question: {
    readonly vhost: string;
    readonly path?: string;
    readonly waitMs: number;
    readonly gone: AbortSignal;
  }): Promise<RouteAnswer>;
  /** Requests that wait now. */
  waiting(): number;
  /** Every waiter gets its present answer. */
  release(): void;
}

/** Waiters hang on changes of the state and of HAProxy's servers; they do nothing between them. */
export function createRouteWaits(deps: {
  readonly live: LiveRoutes;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'waitStarted' | 'waitEnded'>;
}): RouteWaits {
  const { live, clock, metrics } = deps;
  const released = new AbortController();
  let waiters = 0;

  const judge = async (vhost: string, path: string | undefined): Promise<RouteReadiness> => {
    const { state, servers } = await live.look();
    return routeReadiness(state, vhost, servers, path, clock.now());
  };

  const wait = async (vhost: string, path: string | undefined, waitMs: number, gone: AbortSignal) => {
    const over = new AbortController();
    const end = AbortSignal.any([gone, released.signal, over.signal]);
    const changes = createSignal();
    const unwatch = live.watch(changes.raise);
    end.addEventListener('abort', changes.raise, { once: true });
    void clock.sleep(waitMs, end).then(() => over.abort());
    try {
      for (;;) {
        const readiness = await judge(vhost, path);
        if (readiness.ready || end.aborted) return readiness;
        await changes.raised();
      }
    } finally {
      unwatch();
      over.abort();
    }
  };

  return {
    async ask({ vhost, path, waitMs, gone }) {
      if (waitMs <= 0) return { kind: 'answer', readiness: await judge(vhost, path) };
      if (waiters >= MOST_WAITERS) return { kind: 'too-many' };
      waiters++;
      metrics.waitStarted();
      const since = clock.now();
      let outcome: 'ready' | 'timeout' | 'gone' = 'gone';
      try {
        const readiness = await wait(vhost, path, Math.min(waitMs, LONGEST_WAIT_MS), gone);
        if (gone.aborted) return { kind: 'gone' };
        outcome = readiness.ready ? 'ready' : 'timeout';
        return { kind: 'answer', readiness };
      } finally {
        waiters--;
        metrics.waitEnded(outcome, (clock.now() - since) / 1000);
      }
    },
    waiting: () => waiters,
    release: () => released.abort(),
  };
}

/** A flag that can be awaited: raised while nobody looks, it is still up at the next look. */
function createSignal(): { readonly raise: () => void; readonly raised: () => Promise<void> } {
  let up = false;
  let resolve: (() => void) | undefined;
  return {
    raise() {
      up = true;
      resolve?.();
    },
    async raised() {
      if (!up) await new Promise<void>((done) => (resolve = done));
      up = false;
      resolve = undefined;
    },
  };
}
