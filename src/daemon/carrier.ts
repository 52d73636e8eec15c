import type { Instant } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, PassCause } from '../core/ports.ts';
import { canWait, formatNeed } from '../core/reload-need.ts';
import type { ReloadReason } from '../core/reload-reason.ts';
import { unreachable } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import { type Difference, formatDifference } from '../core/runtime-difference.ts';
import { newlyFew, type SpareCount, sameCounts } from '../core/spare-counts.ts';
import type { KeptRunning } from './kept-running.ts';
import type { Carried, KeptLane, LaneParts, LaneWorker } from './lane.ts';
import type { Decided } from './pass.ts';
import type { Timings } from './timings.ts';

/** How far a pass came over the socket. */
type CarriedPass =
  /** `unchanged`: HAProxy was there already. */
  { readonly kind: 'unchanged' | 'carried' } | { readonly kind: 'reload'; readonly reasons: readonly ReloadReason[] };

/** Brings HAProxy to what a pass has decided, and tells of what was found on the way. */
export interface Carrier {
  carry(decided: Decided, parts: () => LaneParts | undefined, cause: PassCause): Promise<CarriedPass>;
  /** Right after a reload to this table: tells its worker what the configuration could not. */
  follow(table: RoutingTable, parts: () => LaneParts | undefined, worker: LaneWorker): Promise<void>;
  /** Compares everything in HAProxy with what should be there. True: the next pass has something to put right. */
  compare(signal: AbortSignal): Promise<boolean>;
  /** Tells how many spares there are, if that is news. */
  tellSpares(): void;
}

/** After a doubt the worker is looked at and told again; after a second one it is reloaded. */
const CARRY_TRIES = 2;

interface Parts {
  readonly lane: KeptLane;
  readonly running: Pick<KeptRunning, 'runs' | 'worker' | 'carried'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
  readonly timings: Pick<Timings, 'quarantineRetryMs'>;
}

/** A carrier that has carried nothing yet. */
export function createCarrier({ lane, running, clock, emit, timings }: Parts): Carrier {
  let told: readonly SpareCount[] = [];
  /** The newest reload for doubt or drift alone. */
  let cure: { readonly of: string; readonly at: Instant } | undefined;
  /** Told, and not put right yet: whoever looks again to do so sees it again. */
  let known: ReadonlySet<string> = new Set();

  /** Tells of what nobody was told of yet. */
  function tellDrift(found: readonly Difference[]): void {
    const differences = found.map(formatDifference).filter((one) => !known.has(one));
    if (differences.length === 0) return;
    known = new Set([...known, ...differences]);
    emit({ type: 'drift', differences });
  }

  async function carry(...given: Parameters<Carrier['carry']>): Promise<CarriedPass> {
    const outcome = await carryWith(...given);
    known = new Set();
    return outcome;
  }

  async function carryWith(
    decided: Decided,
    parts: () => LaneParts | undefined,
    cause: PassCause,
  ): Promise<CarriedPass> {
    const same = running.runs(decided.config.digest);
    let last: Extract<Carried, { kind: 'doubt' }> | undefined;
    for (let tries = 0; tries < CARRY_TRIES; tries += 1) {
      const worker = running.worker();
      if (worker === undefined) return { kind: 'reload', reasons: [{ because: 'running-unknown' }] };
      const startedAt = clock.now();
      const outcome = await lane.carry(decided.table, parts, worker);
      tellDrift(outcome.drift);
      switch (outcome.kind) {
        case 'carried': {
          const { commands, uncertain } = outcome;
          if (same) tellDrift(uncertain);
          if (same && commands.length === 0) return { kind: 'unchanged' };
          running.carried(decided, cause, commands.length, clock.now() - startedAt);
          return { kind: 'carried' };
        }
        case 'reload':
          return reload(outcome, decided, same);
        case 'doubt':
          emit({ type: 'runtime-doubt', detail: outcome.detail });
          last = outcome;
          break;
        default:
          return unreachable(outcome);
      }
    }
    const { because, detail } = last ?? { because: 'doubt' as const, detail: '' };
    return cured({ because, detail }, same);
  }

  function reload(
    { needs, unrepaired: [lost] }: Extract<Carried, { kind: 'reload' }>,
    { plan }: Decided,
    same: boolean,
  ): CarriedPass {
    if (!same) {
      const blind = needs.some(({ because }) => because === 'no-runtime');
      return { kind: 'reload', reasons: blind ? [...needs, ...plan.reload] : needs };
    }
    // What runs is what was loaded, and the socket cannot say more of it, unless HAProxy has lost some of it.
    if (lost === undefined) return { kind: 'unchanged' };
    const [need] = needs.filter((one) => !canWait(one));
    const detail = `${formatDifference(lost)}${need === undefined ? '' : ` (${formatNeed(need)})`}`;
    tellDrift([lost]);
    return cured({ because: 'drift', detail }, same);
  }

  /** A reload is the last cure. One that has not helped is not tried over and over while nothing else asks for it. */
  function cured(reason: Extract<ReloadReason, { readonly because: 'doubt' | 'drift' }>, same: boolean): CarriedPass {
    const now = clock.now();
    if (same) {
      if (cure?.of === reason.detail && now - cure.at < timings.quarantineRetryMs) {
        emit({ type: 'runtime-doubt', detail: `${reason.detail}; a reload did not help, and has to wait` });
        return { kind: 'unchanged' };
      }
      cure = { of: reason.detail, at: now };
    }
    return { kind: 'reload', reasons: [reason] };
  }

  async function compare(signal: AbortSignal): Promise<boolean> {
    const compared = await lane.compare(signal);
    tellSpares();
    switch (compared.kind) {
      case 'same':
      case 'overtaken':
        return false;
      case 'unread':
        emit({ type: 'runtime-doubt', detail: 'what the worker runs could not be read for comparison' });
        return true;
      case 'different':
        known = new Set();
        tellDrift(compared.differences);
        return true;
      default:
        return unreachable(compared);
    }
  }

  function tellSpares(): void {
    const spares = lane.spares();
    if (sameCounts(spares, told)) return;
    const few = newlyFew(told, spares);
    told = spares;
    emit({ type: 'spares-counted', spares, few });
  }

  async function follow(...given: Parameters<Carrier['follow']>): Promise<void> {
    const { drift } = await lane.carry(...given);
    tellDrift(drift);
    known = new Set();
  }

  return { carry, follow, compare, tellSpares };
}
