import type { Diagnostic, RenderedConfig, TemplateFailure } from '../core/config.ts';
import type { HaproxyFailure } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { unreachable } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import { toldOf } from '../core/unchecked.ts';
import type { Draft, Isolated } from './isolate.ts';
import { isolate } from './isolate.ts';
import type { KeptQuarantine } from './kept-quarantine.ts';
import { createKeptRefusal } from './kept-refusal.ts';
import type { KeptRunning } from './kept-running.ts';
import type { Decided, Pass, PassDeps, PassOutcome } from './pass.ts';
import { whyOf } from './pass.ts';

/** A configuration that HAProxy accepts, with whom it does without. */
export type Proven = Extract<Isolated, { readonly kind: 'valid' }>;

/** What came of a configuration that has to be loaded. */
export type Judged =
  | { readonly kind: 'proven'; readonly proven: Proven }
  | { readonly kind: 'ended'; readonly outcome: PassOutcome }
  | { readonly kind: 'render-failed'; readonly failure: TemplateFailure }
  /** Other templates are in force now: decide again. */
  | { readonly kind: 'again' };

/** Configurations on their way to a reload: validated, and held back where they failed before. */
export interface Candidates {
  /** Nothing is loaded unvalidated. Apps that HAProxy refuses are left out; if that does not help, what runs stays. */
  judge(pass: Pass, decided: Decided): Promise<Judged>;
  /** HAProxy runs what was proven. */
  loaded(): void;
  /** It does not; gives the outcome of the pass. */
  notLoaded(config: RenderedConfig, failure: HaproxyFailure): PassOutcome;
}

interface Parts extends Pick<PassDeps, 'haproxy' | 'stages' | 'emit' | 'clock' | 'timings' | 'random'> {
  readonly running: KeptRunning;
  readonly quarantine: KeptQuarantine;
  readonly render: (table: RoutingTable, pass: Pass) => Result<RenderedConfig, TemplateFailure>;
  /** HAProxy refuses what the templates make, and no app is to blame. True: others are in force now. */
  readonly refused: (pass: Pass, diagnostics: readonly Diagnostic[], config: RenderedConfig) => boolean;
  /** Tells of a draft that takes the place of what was decided. */
  readonly announce: (draft: Draft) => void;
}

/** Nothing was refused yet. */
export function createCandidates(parts: Parts): Candidates {
  const { clock, emit, running, quarantine } = parts;
  const refusal = createKeptRefusal(parts.timings, parts.random);
  /** Refused as a whole, and nobody to blame. */
  let hopeless: string | undefined;

  const ended = (outcome: PassOutcome): Judged => ({ kind: 'ended', outcome });

  async function judge(pass: Pass, decided: Decided): Promise<Judged> {
    const held = refusal.holds(decided.config, clock.now());
    if (held !== undefined) {
      const { failure, until } = held;
      emit({ type: 'apply-held', failure, until });
      return ended({ kind: 'failed', at: 'held', refetch: [], until });
    }
    const isolated = await withoutCulprits(pass, decided);
    const { signal } = pass;
    switch (isolated.kind) {
      case 'failed':
        if (!signal.aborted) emit({ type: 'validation-failed', ...toldOf(isolated.failure), blamed: [], ms: 0 });
        return ended({ kind: 'failed', at: signal.aborted ? 'stopped' : 'validation', refetch: [] });
      case 'render-failed':
        return { kind: 'render-failed', failure: isolated.failure };
      case 'refused': {
        const { excluded, diagnostics } = isolated;
        if (excluded.size === 0 && parts.refused(pass, diagnostics, decided.config) && !signal.aborted)
          return { kind: 'again' };
        hopeless = decided.config.digest;
        quarantine.add(decided.whole, excluded, clock.now());
        return ended({ kind: 'failed', at: 'validation', refetch: [] });
      }
      case 'valid':
        if (isolated.excluded.size > 0) {
          quarantine.add(decided.whole, isolated.excluded, clock.now());
          decided.tell(isolated.draft.table);
          parts.announce(isolated.draft);
        }
        return { kind: 'proven', proven: isolated };
      default:
        return unreachable(isolated);
    }
  }

  const withoutCulprits = (pass: Pass, decided: Decided) =>
    isolate(
      {
        validate: (config) => parts.haproxy.validate(config, whyOf(pass.cause, decided.plan), pass.signal),
        render: (table) => parts.render(table, pass),
        blame: parts.stages.blame,
        emit,
        clock,
        runs: (config) => running.runs(config.digest),
        signal: pass.signal,
      },
      decided,
      { lastGood: running.table(), serving: running.serves(), hopeless: hopeless === decided.config.digest },
    );

  return {
    judge,
    loaded: () => refusal.succeeded(),
    notLoaded(config, failure) {
      const until = refusal.failed(config, failure, clock.now());
      return { kind: 'failed', at: 'reload', refetch: [], ...(until === undefined ? {} : { until }) };
    },
  };
}
