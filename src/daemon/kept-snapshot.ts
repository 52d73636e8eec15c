import type { Snapshot } from '../core/app.ts';
import type { Checked } from '../core/problem.ts';
import type { Scope } from './hints.ts';
import type { PassDeps } from './pass.ts';

/** The newest answer of the source, kept while it cannot be asked. */
export interface KeptSnapshot {
  /** Fetches what was hinted, everything the first time; gives back what could not be had. */
  fetch(scope: Scope, signal: AbortSignal): Promise<Scope>;
  /** Undefined before the first answer. */
  value(): Checked<Snapshot> | undefined;
}

/** No answer yet. */
export function createKeptSnapshot({ source, clock, emit }: Pick<PassDeps, 'source' | 'clock' | 'emit'>): KeptSnapshot {
  let snapshot: Checked<Snapshot> | undefined;
  return {
    value: () => snapshot,
    async fetch(scope, signal) {
      const asked = snapshot === undefined ? 'all' : scope;
      if (asked !== 'all' && asked.length === 0) return asked;
      const startedAt = clock.now();
      const taken = await source.snapshot(asked, signal);
      if (!taken.ok) {
        if (!signal.aborted) emit({ type: 'snapshot-failed', failure: taken.failure });
        return asked;
      }
      snapshot = taken.value;
      emit({ type: 'snapshot-taken', snapshot: snapshot.value, scope: asked, ms: clock.now() - startedAt });
      return [];
    },
  };
}
