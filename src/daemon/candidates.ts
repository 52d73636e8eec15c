import type { Instant } from '../core/app.ts';
import type { Diagnostic, RenderedConfig, TemplateFailure } from '../core/config.ts';
import type { HaproxyFailure } from '../core/ports.ts';
import { unreachable } from '../core/result.ts';
import { appNamed } from '../core/stand-in.ts';
import { toldOf } from '../core/unchecked.ts';
import { unprovenLosses } from '../core/unproven-losses.ts';
import type { Isolated } from './isolate.ts';
import { isolate } from './isolate.ts';
import type { Keeper } from './keeper.ts';
import type { KeptQuarantine } from './kept-quarantine.ts';
import { createKeptRefusal } from './kept-refusal.ts';
import type { KeptRunning } from './kept-running.ts';
import type { Decided, Pass, PassDeps, PassOutcome } from './pass.ts';
import { whyOf } from './pass.ts';

/** A configuration that HAProxy accepts. */
export type Proven = Extract<Isolated, { readonly kind: 'valid' }>;

/** What came of a configuration that has to be proven. */
export type Judged =
  | { readonly kind: 'proven'; readonly proven: Proven }
  | { readonly kind: 'ended'; readonly outcome: PassOutcome }
  | { readonly kind: 'render-failed'; readonly failure: TemplateFailure }
  /** Somebody is held now who was not, or other templates are in force: decide again. */
  | { readonly kind: 'again' };

/** Configurations on their way to HAProxy: validated, and held back where they failed before. */
export interface Candidates extends Required<Pick<Keeper, 'wake' | 'isDue'>> {
  /**
   * Nothing of this may be told to HAProxy before it was judged: somebody is tried again, the copy on disk was refused, or an app
   * would lose what it has for lines that HAProxy may refuse.
   */
  isDoubtful(decided: Decided): boolean;
  /**
   * Nothing is loaded unvalidated. Apps that HAProxy refuses are held at what was good of them; if that does not help, what runs
   * stays. `loading`: a reload is to follow, which may have to wait.
   */
  judge(pass: Pass, decided: Decided, loading: boolean): Promise<Judged>;
  /** This very configuration was found valid in the pass that goes on. */
  hasProven(config: RenderedConfig): boolean;
  /** HAProxy refuses what it was brought to over its socket: a pass has to find out whose it is. */
  doubt(config: RenderedConfig): void;
  /** HAProxy runs what was proven. */
  loaded(): void;
  /** It does not; gives the outcome of the pass. */
  notLoaded(config: RenderedConfig, failure: HaproxyFailure): PassOutcome;
}

interface Parts extends Pick<PassDeps, 'haproxy' | 'stages' | 'emit' | 'clock' | 'timings' | 'random'> {
  readonly running: KeptRunning;
  readonly quarantine: KeptQuarantine;
  /** HAProxy refuses what the templates make, and no app is to blame. True: others are in force now. */
  readonly refused: (pass: Pass, diagnostics: readonly Diagnostic[], config: RenderedConfig) => boolean;
  /** Nothing else is written, published or removed on disk while this goes on. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Nothing was refused yet. */
export function createCandidates(parts: Parts): Candidates {
  const { clock, emit, running, quarantine, timings } = parts;
  const refusal = createKeptRefusal(timings, parts.random);
  /** Refused as a whole, and nobody to blame. */
  let hopeless: string | undefined;
  let proof: { readonly pass: Pass; readonly proven: Proven } | undefined;
  /** What runs, and was refused. */
  let doubted: { readonly digest: string; readonly from: Instant } | undefined;
  let searchAgainFrom = 0;
  /** What apps that would lose something asked for when that was found valid. */
  let harmless: string | undefined;

  const ended = (outcome: PassOutcome): Judged => ({ kind: 'ended', outcome });
  const isDue = (): boolean => doubted !== undefined && doubted.from <= clock.now();

  async function judge(pass: Pass, decided: Decided, loading: boolean): Promise<Judged> {
    const held = loading ? refusal.holds(decided.config, clock.now()) : undefined;
    if (held !== undefined) {
      const { failure, until } = held;
      emit({ type: 'apply-held', failure, until });
      return ended({ kind: 'failed', at: 'held', refetch: [], until });
    }
    if (proof?.pass === pass && hasProven(decided.config)) return { kind: 'proven', proven: proof.proven };
    const isolated = await withoutCulprits(pass, decided);
    return concluded(isolated, pass, decided);
  }

  function concluded(isolated: Isolated, pass: Pass, decided: Decided): Judged {
    const snapshot = pass.inputs.snapshot.value;
    if (isolated.kind !== 'failed') doubted = undefined;
    switch (isolated.kind) {
      case 'failed':
        if (!pass.signal.aborted) emit({ type: 'validation-failed', ...toldOf(isolated.failure), blamed: [], ms: 0 });
        return ended({ kind: 'failed', at: pass.signal.aborted ? 'stopped' : 'validation', refetch: [] });
      case 'render-failed':
        return { kind: 'render-failed', failure: isolated.failure };
      case 'refused': {
        if (pass.signal.aborted) return ended({ kind: 'failed', at: 'stopped', refetch: [] });
        const { held, diagnostics } = isolated;
        if (held.size === 0 && parts.refused(pass, diagnostics, decided.config)) return { kind: 'again' };
        if (held.size === 0) searchAgainFrom = clock.now() + timings.searchAgainMs;
        hopeless = decided.config.digest;
        quarantine.add(held, snapshot);
        return ended({ kind: 'failed', at: 'validation', refetch: [] });
      }
      case 'valid':
        proof = { pass, proven: isolated };
        if (isolated.held.size === 0) {
          harmless = risk(decided);
          return { kind: 'proven', proven: isolated };
        }
        quarantine.add(isolated.held, snapshot);
        return { kind: 'again' };
      default:
        return unreachable(isolated);
    }
  }

  function withoutCulprits(pass: Pass, decided: Decided): Promise<Isolated> {
    const snapshot = pass.inputs.snapshot.value;
    return isolate(
      {
        validate: (config) => parts.haproxy.validate(config, whyOf(pass.cause, decided.plan), pass.signal),
        without: decided.without,
        further: (app, table, before) => quarantine.further(app, table, snapshot, before),
        isKnown: (id) => {
          const app = appNamed(snapshot, id);
          return app !== undefined && quarantine.isKnown(app);
        },
        blame: parts.stages.blame,
        emit,
        clock,
        runs: ({ digest }) => running.runs(digest) && digest !== doubted?.digest,
        signal: pass.signal,
        alone: parts.alone,
      },
      decided,
      {
        lastGood: quarantine.accepted()?.table,
        remembers: quarantine.remembers(),
        serving: running.serves(),
        hopeless: hopeless === decided.config.digest,
      },
    );
  }

  /** What is lost before anything is proven; nothing is known of what another life has loaded. */
  function risk({ table }: Decided): string | undefined {
    const before = running.table();
    return before === undefined ? '' : unprovenLosses(before, table);
  }

  const hasProven = ({ digest }: RenderedConfig): boolean => proof?.proven.draft.config.digest === digest;

  return {
    judge,
    hasProven,
    isDoubtful(decided) {
      const { config } = decided;
      if (quarantine.isTrying() || isDue()) return true;
      if (running.worker() === undefined || running.runs(config.digest) || hasProven(config)) return false;
      const lost = risk(decided);
      return (
        lost !== undefined &&
        lost !== harmless &&
        hopeless !== config.digest &&
        refusal.holds(config, clock.now()) === undefined
      );
    },
    doubt({ digest }) {
      doubted = { digest, from: Math.max(clock.now() + timings.suspectRetryMs, searchAgainFrom) as Instant };
    },
    isDue,
    wake: () => doubted && { at: doubted.from, scope: [], reason: 'the copy on disk was refused' },
    loaded: () => refusal.succeeded(),
    notLoaded(config, failure) {
      const until = refusal.failed(config, failure, clock.now());
      return { kind: 'failed', at: 'reload', refetch: [], ...(until === undefined ? {} : { until }) };
    },
  };
}
