import type { Diagnostic } from '../core/config.ts';
import type { Candidate, ValidationFailure } from '../core/ports.ts';
import type { Draft, IsolateDeps } from './culprits.ts';

/** Runs of `haproxy -c` for one pass, at most. What was found by then is kept, the next pass goes on from there. */
const MAX_RUNS = 32;

/** What a run said; `none-left`: there was none, as all were used up, or the daemon ends. */
export type Attempted =
  | { readonly kind: 'valid'; readonly candidate: Candidate; readonly ms: number }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[]; readonly ms: number }
  | { readonly kind: 'failed'; readonly failure: ValidationFailure }
  | { readonly kind: 'none-left' };

/** Validations that are counted. */
export interface Runs {
  /** Also of a configuration that runs: where that is refused now, something else than an app has changed. */
  attempt(draft: Draft): Promise<Attempted>;
  left(): number;
  /** No more than this many in all from here on, `made` included, and none that begins later than `ms` after the first refusal. */
  limit(most: number, ms: number): void;
}

/** `made`: runs that were made already. */
export function createRuns({ validate, clock, signal }: IsolateDeps, made: number): Runs {
  let most = MAX_RUNS;
  let count = made;
  const startedAt = clock.now();
  let longestMs = Number.POSITIVE_INFINITY;
  const isOver = (): boolean => signal.aborted || clock.now() - startedAt > longestMs;
  const left = (): number => (isOver() ? 0 : Math.max(0, most - count));
  return {
    left,
    limit(given, ms) {
      most = Math.min(most, given);
      longestMs = ms;
    },
    async attempt({ config }) {
      if (left() === 0) return { kind: 'none-left' };
      count += 1;
      const began = clock.now();
      const result = await validate(config);
      const ms = clock.now() - began;
      if (result.ok) return { kind: 'valid', candidate: result.value, ms };
      const { failure } = result;
      return failure.kind === 'invalid'
        ? { kind: 'invalid', diagnostics: failure.diagnostics, ms }
        : { kind: 'failed', failure };
    },
  };
}
