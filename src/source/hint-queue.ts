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
  /** The look may wait, unless somebody else asks for one. */
  readonly patient?: true;
}

/** Hints waiting to be taken. Bounded: an app waits once, and many apps become everything. */
export interface HintQueue {
  /** `news`: goes with the next hint that is taken, whatever that is about. */
  push(scope: ChangeHint['scope'], reason: string, news?: HintNews): void;
  /** Yields hints until aborted; waits while there are none. One consumer at a time. */
  take(signal: AbortSignal): AsyncGenerator<ChangeHint, void, void>;
}

/** What waits to be taken of an app. */
interface Waiting {
  readonly reason: string;
  readonly at: Instant;
  readonly patient?: true;
}

/** Makes an empty queue. Hints that share a reason leave together; a hint keeps the time when the first of it arrived. */
export function createHintQueue(clock: Clock): HintQueue {
  const apps = new Map<AppId, Waiting>();
  let everything: { readonly reason: string; readonly at: Instant } | undefined;
  const departing = new Map<string, LeavingTask>();
  const removed = new Set<AppId>();
  let wake: () => void = () => undefined;

  const widen = (reason: string) => {
    const oldest = [...apps.values()][0]?.at ?? clock.now();
    apps.clear();
    everything ??= { reason, at: oldest };
  };

  const wait = (app: AppId, reason: string, patient: true | undefined): void => {
    const before = apps.get(app);
    if (before === undefined) apps.set(app, { reason, at: clock.now(), ...(patient && { patient }) });
    else if (before.patient && !patient) apps.set(app, { reason, at: before.at });
  };

  const next = (): ChangeHint | undefined => {
    if (everything !== undefined) {
      const hint: ChangeHint = { scope: 'all', ...everything };
      everything = undefined;
      return hint;
    }
    const first = [...apps.values()][0];
    if (first === undefined) return undefined;
    const alike = ({ reason, patient }: Waiting) => reason === first.reason && patient === first.patient;
    const together = [...apps].filter(([, one]) => alike(one)).map(([app]) => app);
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
        for (const app of scope) wait(app, reason, news?.patient);
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
