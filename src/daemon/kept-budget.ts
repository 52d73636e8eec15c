import type { Instant } from '../core/app.ts';
import type { DaemonEventBody, ReloadHold } from '../core/events.ts';
import type { ApplyPlan } from '../core/plan.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { cannotWait } from '../core/reload-reason.ts';
import type { Settings } from '../core/settings.ts';
import { createAllowance } from './allowance.ts';
import type { Timings } from './timings.ts';

/**
 * What reloads may cost: so many a minute, so many old workers, so much memory of theirs. At the cap the socket goes on carrying
 * what it can, and what it cannot has to wait: old workers keep connections that a further reload would cost in the end.
 */
export interface KeptBudget {
  /** Until when the reload of this plan has to wait, and tells why; `undefined`: it need not. `from`: not before this in any case. */
  waits(plan: ApplyPlan, from: Instant): Promise<Instant | undefined>;
  /** HAProxy was reloaded. */
  reloaded(): void;
}

interface Parts {
  readonly haproxy: Pick<Haproxy, 'view'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
  readonly settings: Pick<Settings, 'reloadBudget' | 'maxOldWorkers' | 'oldWorkersMemory' | 'hardStopAfter'>;
  readonly timings: Pick<Timings, 'reloads' | 'oldWorkersLookMs'>;
}

const MINUTE_MS = 60_000;
const MEGABYTE = 1024 * 1024;

/** Nothing was reloaded yet. */
export function createKeptBudget({ haproxy, clock, emit, settings, timings }: Parts): KeptBudget {
  const { reloadBudget, maxOldWorkers, oldWorkersMemory, hardStopAfter } = settings;
  const burst = Math.min(timings.reloads.burst, reloadBudget);
  const budget = createAllowance({ leastMs: 0, everyMs: MINUTE_MS / reloadBudget, burst });
  /** The newest look at the old workers, good until its time. */
  let seen: ReloadHold | undefined;
  /** Old workers are in the way since then. */
  let crowdedSince: Instant | undefined;

  function outOfBudget(now: Instant): ReloadHold | undefined {
    const until = budget.from();
    if (now >= until) return undefined;
    return { because: 'budget', until, detail: `the budget of ${reloadBudget} reloads a minute is used up` };
  }

  async function crowded(now: Instant): Promise<ReloadHold | undefined> {
    if (seen !== undefined && now < seen.until) return seen;
    const { oldWorkers, oldWorkersMemory: bytes = 0 } = await haproxy.view();
    const until = (clock.now() + timings.oldWorkersLookMs) as Instant;
    const many = `${oldWorkers} old workers finish their connections`;
    const held = Math.round(bytes / MEGABYTE);
    if (oldWorkers >= maxOldWorkers)
      seen = { because: 'old-workers', until, detail: `${many}, and ${maxOldWorkers} may` };
    else if (oldWorkersMemory > 0 && oldWorkers > 0 && held >= oldWorkersMemory)
      seen = { because: 'memory', until, detail: `${many} and hold ${held} MB, and ${oldWorkersMemory} MB they may` };
    else seen = undefined;
    return seen;
  }

  /** Not for ever: after that time HAProxy itself ends its old workers. */
  async function inTheWay(now: Instant): Promise<ReloadHold | undefined> {
    const hold = await crowded(now);
    if (hold === undefined) {
      crowdedSince = undefined;
      return undefined;
    }
    crowdedSince ??= now;
    return now - crowdedSince < hardStopAfter ? hold : undefined;
  }

  return {
    async waits({ reload }, from) {
      const now = clock.now();
      const hold = reload.some(cannotWait) ? undefined : (outOfBudget(now) ?? (await inTheWay(now)));
      if (hold === undefined) return now < from ? from : undefined;
      emit({ type: 'reload-held', ...hold });
      return Math.max(hold.until, from) as Instant;
    },
    reloaded() {
      budget.took(clock.now());
      seen = undefined;
      crowdedSince = undefined;
    },
  };
}
