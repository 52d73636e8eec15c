import type { Instant } from '../core/app.ts';
import type { RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import { bindsText } from '../core/listened.ts';
import { type BindTrial, pauseAfter, reasonToHold } from '../core/listener.ts';
import { planApply } from '../core/plan.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { rememberedLast } from '../core/remembered.ts';
import type { BindAddress } from '../core/settings.ts';
import { bindsHeldIn, withBinds } from '../core/without-binds.ts';
import type { Keeper } from './keeper.ts';
import type { KeptBudget } from './kept-budget.ts';
import type { KeptRunning } from './kept-running.ts';
import type { Pass } from './pass.ts';

/**
 * HAProxy may have been started without an address that somebody had meanwhile. Once Marathon has answered, that is a matter of what
 * its apps ask for; until then what runs says what it lacks, and it comes back when it is free.
 */
export interface Reopening extends Required<Pick<Keeper, 'wake'>> {
  /** Looks, where it is time to, and makes HAProxy listen on what is free. */
  reopen(pass: Omit<Pass, 'inputs'>): Promise<void>;
  /** HAProxy does not answer: not now. */
  putOff(): void;
  /** Marathon has answered. */
  over(): void;
}

interface Parts {
  readonly haproxy: Pick<Haproxy, 'tryBinds' | 'validate'>;
  readonly running: Pick<KeptRunning, 'worker' | 'value' | 'apply'>;
  readonly budget: Pick<KeptBudget, 'waits' | 'reloaded'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
}

/** After a reload that failed: on HAProxy 2.6 to 3.2 each one that cannot bind pauses everybody's listeners for 2 s. Milliseconds. */
const AFTER_FAILURE = 600_000;
const PUT_OFF = 5_000;

/** Nothing was looked at yet. */
export function createReopening({ haproxy, running, budget, clock, emit }: Parts): Reopening {
  const heldIn = rememberedLast((config: RenderedConfig | undefined): readonly BindAddress[] =>
    config === undefined ? [] : bindsHeldIn(config),
  );
  const held = (): readonly BindAddress[] => (isOver ? [] : heldIn(running.worker()?.published));
  let isOver = false;
  let tries = 0;
  let due = 0 as Instant;
  let since: Instant | undefined;

  function tell(trials: readonly BindTrial[]): void {
    since ??= clock.now();
    const from = since;
    const still = trials.map((trial) => ({
      bind: trial.bind,
      since: from,
      why: reasonToHold(trial) ?? 'HAProxy was started without it',
    }));
    emit({ type: 'listeners-held', held: still });
  }

  return {
    async reopen({ cause, signal, reloadFrom }) {
      const binds = held();
      const config = running.worker()?.published;
      if (config === undefined || binds.length === 0 || clock.now() < due) return;
      const trials = await haproxy.tryBinds(binds);
      tries += 1;
      due = (clock.now() + pauseAfter(tries)) as Instant;
      tell(trials);
      const free = binds.filter((_bind, at) => isFree(trials[at]));
      const whole = free.length === 0 ? undefined : withBinds(config, free);
      if (whole === undefined || signal.aborted) return;
      const plan = planApply(running.value(), whole);
      const until = await budget.waits(plan, reloadFrom);
      if (until !== undefined) {
        due = until;
        return;
      }
      emit({ type: 'reload-needed', plan });
      const startedAt = clock.now();
      const checked = await haproxy.validate(whole, `${bindsText(free)} can be had again`, signal);
      if (!checked.ok || signal.aborted) return;
      const candidate = checked.value;
      const ms = clock.now() - startedAt;
      emit({ type: 'validated', generation: candidate.generation, ms, warnings: candidate.warnings });
      const failure = await running.apply({ candidate, draft: { config: whole }, plan, cause });
      if (failure !== undefined) {
        due = (clock.now() + AFTER_FAILURE) as Instant;
        return;
      }
      budget.reloaded();
      tell(trials.filter((trial) => !isFree(trial)));
    },
    putOff() {
      due = Math.max(due, clock.now() + PUT_OFF) as Instant;
    },
    over() {
      if (since !== undefined && !isOver) emit({ type: 'listeners-held', held: [] });
      isOver = true;
    },
    wake: () => (held().length === 0 ? undefined : { at: due, scope: [], reason: 'listener' }),
  };
}

/** HAProxy had it before: that outgoing connections may have it too, somebody had reasons for. */
const isFree = (trial: BindTrial | undefined): boolean => trial?.outcome === 'free' || trial?.outcome === 'ephemeral';
