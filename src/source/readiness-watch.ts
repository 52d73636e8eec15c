import type { App, AppId, Instant } from '../core/app.ts';
import type { ChangeHint, Clock } from '../core/ports.ts';
import { isWaiting } from '../core/readiness-checks.ts';
import type { MarathonTimings } from './timings.ts';

/** Looks again at apps whose tasks have not passed their readiness check: that they have is told by no event (marathon-api 1.8). */
export interface ReadinessWatch {
  /** These apps were asked for, and this is what of them is there. */
  seen(asked: Iterable<AppId>, apps: readonly App[]): void;
  /** All apps were. */
  seenAll(apps: readonly App[]): void;
}

/** What it touches. */
export interface ReadinessWatchParts {
  readonly clock: Clock;
  readonly timings: Pick<MarathonTimings, 'readinessLeast' | 'readinessMost'>;
  readonly hint: (scope: ChangeHint['scope'], reason: string) => void;
}

/** Nobody waits. The longer an app does, the less often it is looked at. */
export function createReadinessWatch({ clock, timings, hint }: ReadinessWatchParts): ReadinessWatch {
  const waiting = new Map<AppId, { readonly since: Instant; armed: boolean }>();

  async function lookAgain(app: AppId): Promise<void> {
    const wait = waiting.get(app) ?? { since: clock.now(), armed: false };
    waiting.set(app, wait);
    if (wait.armed) return;
    wait.armed = true;
    const lasts = (clock.now() - wait.since) / 4;
    const ms = Math.min(timings.readinessMost, Math.max(timings.readinessLeast, lasts));
    await clock.sleep(ms, new AbortController().signal);
    wait.armed = false;
    if (waiting.get(app) === wait) hint([app], 'readiness');
  }

  function seen(asked: Iterable<AppId>, apps: readonly App[]): void {
    const now = new Set(apps.filter(isWaiting).map(({ id }) => id));
    for (const app of asked) if (!now.has(app)) waiting.delete(app);
    for (const app of now) void lookAgain(app);
  }

  return { seen, seenAll: (apps) => seen([...waiting.keys()], apps) };
}
