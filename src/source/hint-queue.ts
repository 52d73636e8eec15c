import type { AppId, Instant } from '../core/app.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { ChangeHint, Clock } from '../core/ports.ts';

/** More apps than this at once are read cheaper as a whole. */
const MANY_APPS = 50;

/** What an event says besides where to look. */
export interface HintNews {
  /** A task that is about to end. */
  readonly leaving?: LeavingTask;
  /** Apps that are destroyed. */
  readonly removed?: readonly AppId[];
}

/** Hints waiting to be taken. Bounded: an app waits once, and many apps become everything. */
export interface HintQueue {
  /** `news`: goes with the next hint that is taken, whatever that is about. */
  push(scope: ChangeHint['scope'], reason: string, news?: HintNews): void;
  /** Yields hints until aborted; waits while there are none. One consumer at a time. */
  take(signal: AbortSignal): AsyncGenerator<ChangeHint, void, void>;
}

/** Makes an empty queue. Hints that share a reason leave together; a hint keeps the time when the first of it arrived. */
export function createHintQueue(clock: Clock): HintQueue {
  const apps = new Map<AppId, { readonly reason: string; readonly at: Instant }>();
  let everything: { readonly reason: string; readonly at: Instant } | undefined;
  const departing = new Map<string, LeavingTask>();
  const removed = new Set<AppId>();
  let wake: () => void = () => undefined;

  const widen = (reason: string) => {
    const oldest = [...apps.values()][0]?.at ?? clock.now();
    apps.clear();
    everything ??= { reason, at: oldest };
  };

  const next = (): ChangeHint | undefined => {
    if (everything !== undefined) {
      const hint: ChangeHint = { scope: 'all', ...everything };
      everything = undefined;
      return hint;
    }
    const first = [...apps.values()][0];
    if (first === undefined) return undefined;
    const together = [...apps].filter(([, { reason }]) => reason === first.reason).map(([app]) => app);
    for (const app of together) apps.delete(app);
    return { scope: together.sort(), ...first };
  };

  return {
    push(scope, reason, news) {
      const leaving = news?.leaving;
      for (const app of news?.removed ?? []) removed.add(app);
      if (leaving !== undefined) departing.set(`${leaving.app} ${leaving.task}`, leaving);
      if (scope === 'all') widen(reason);
      else if (everything === undefined) {
        for (const app of scope) if (!apps.has(app)) apps.set(app, { reason, at: clock.now() });
        if (apps.size > MANY_APPS) widen(reason);
      }
      wake();
    },
    async *take(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const hint = next();
        if (hint !== undefined) {
          const leaving = [...departing.values()];
          const gone = [...removed];
          departing.clear();
          removed.clear();
          yield {
            ...hint,
            ...(leaving.length === 0 ? {} : { leaving }),
            ...(gone.length === 0 ? {} : { removed: gone }),
          };
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
