import type { Generation } from './config.ts';
import type { DaemonEvent, RouteChange } from './events.ts';
import type { PassCause } from './ports.ts';
import type { ReloadReason } from './reload-reason.ts';

/** Entries kept. */
export const HISTORY_LENGTH = 200;
/** Changes and reasons kept of one entry; the number left out is kept beside them. */
export const HISTORY_DETAIL = 50;

/** One pass that changed what runs, or failed to. Passes that found nothing to do leave no entry. */
export interface HistoryEntry {
  /** When the pass ended; of the newest one when the same failure repeats. */
  readonly at: number;
  readonly outcome: 'applied' | 'failed';
  readonly cause: PassCause;
  /** Milliseconds. */
  readonly ms: number;
  readonly stages: StageTimes;
  readonly reasons: readonly ReloadReason[];
  readonly changes: readonly RouteChange[];
  /** Changes beyond the ones kept. */
  readonly moreChanges: number;
  readonly generation?: Generation;
  readonly reloadMs?: number;
  /** From the first hint to the confirmed reload, ms. */
  readonly sinceCauseMs?: number;
  readonly failure?: string;
  /** How often the same failure came in a row; 1 for everything else. */
  readonly times: number;
}

/** Milliseconds by stage; absent where the stage did not run. */
interface StageTimes {
  readonly snapshot?: number;
  readonly build?: number;
  readonly render?: number;
  /** All runs of `haproxy -c` together. */
  readonly validate?: number;
}

/** What is known of a pass while it runs. */
export interface OpenPass {
  readonly cause: PassCause;
  readonly startedAt: number;
  readonly stages: StageTimes;
  readonly reasons: readonly ReloadReason[];
  readonly failure?: string;
  readonly applied?: Extract<DaemonEvent, { type: 'applied' }>;
}

/** The journal's line for a pass that ended: added, merged with an equal failure, or left out when nothing changed. */
export function recordPass(
  history: readonly HistoryEntry[],
  pass: OpenPass,
  end: { readonly at: number; readonly outcome: 'unchanged' | 'applied' | 'waiting' | 'failed'; readonly ms: number },
): readonly HistoryEntry[] {
  // A pass that only found that it has to wait has no failure of its own.
  if (pass.applied === undefined && (end.outcome === 'unchanged' || pass.failure === undefined)) return history;
  const entry = toEntry(pass, end);
  const last = history.at(-1);
  if (last !== undefined && sameFailure(last, entry)) {
    return [...history.slice(0, -1), { ...entry, cause: last.cause, times: last.times + 1 }];
  }
  return [...history.slice(1 - HISTORY_LENGTH), entry];
}

function toEntry(pass: OpenPass, end: { readonly at: number; readonly ms: number }): HistoryEntry {
  const { applied } = pass;
  const changes = applied?.changes ?? [];
  return {
    at: end.at,
    outcome: applied === undefined ? 'failed' : 'applied',
    cause: pass.cause,
    ms: end.ms,
    stages: pass.stages,
    reasons: pass.reasons.slice(0, HISTORY_DETAIL),
    changes: changes.slice(0, HISTORY_DETAIL),
    moreChanges: Math.max(0, changes.length - HISTORY_DETAIL),
    ...(applied === undefined
      ? {}
      : { generation: applied.generation, reloadMs: applied.reloadMs, sinceCauseMs: applied.sinceCauseMs }),
    ...(pass.failure === undefined ? {} : { failure: pass.failure }),
    times: 1,
  };
}

const sameFailure = (a: HistoryEntry, b: HistoryEntry): boolean =>
  a.outcome === 'failed' && b.outcome === 'failed' && a.failure === b.failure;
