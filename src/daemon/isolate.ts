import type { AppId } from '../core/app.ts';
import type { Diagnostic, RenderedConfig, TemplateFailure } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Candidate, Clock, ValidationFailure } from '../core/ports.ts';
import { answerable, appsOf, unchangedApps, withoutApps, wordsOf } from '../core/quarantine.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Stages } from './stages.ts';

/** Runs of `haproxy -c` for one pass, at most. What was found by then is kept, the next pass goes on from there. */
const MAX_RUNS = 32;
/** More apps than this, and more than a quarter of all, are never left out at once: then the cause lies elsewhere. */
const MAX_EXCLUDED = 10;

/** A table and what it renders to. */
export interface Draft {
  readonly table: RoutingTable;
  readonly config: RenderedConfig;
}

/** What isolation needs of the outside. */
export interface IsolateDeps {
  readonly validate: (config: RenderedConfig) => Promise<Result<Candidate, ValidationFailure>>;
  readonly render: (table: RoutingTable) => Result<RenderedConfig, TemplateFailure>;
  readonly blame: Stages['blame'];
  readonly emit: (event: DaemonEventBody) => void;
  readonly clock: Clock;
  /** True for a configuration that runs already: it needs no validation. */
  readonly runs: (config: RenderedConfig) => boolean;
  /** Ends the search. */
  readonly signal: AbortSignal;
}

/** How it ended. `excluded`: who must be left out, and HAProxy's words; never more than was proven. */
export type Isolated =
  | {
      readonly kind: 'valid';
      readonly draft: Draft;
      /** Absent when the remaining configuration is the one that runs. */
      readonly candidate?: Candidate;
      readonly ms: number;
      readonly excluded: ReadonlyMap<AppId, string>;
    }
  | {
      readonly kind: 'refused';
      readonly excluded: ReadonlyMap<AppId, string>;
      /** What HAProxy said of the whole. */
      readonly diagnostics: readonly Diagnostic[];
    }
  | { readonly kind: 'failed'; readonly failure: ValidationFailure }
  | { readonly kind: 'render-failed'; readonly failure: TemplateFailure };

/** What is known before the first run. */
export interface IsolateKnowledge {
  /** The table that HAProxy accepted last, if it was in this life. */
  readonly lastGood?: RoutingTable | undefined;
  /** HAProxy serves routes now: a configuration that leaves out all of them is no way out. */
  readonly serving: boolean;
  /** This very configuration was refused before and nobody was found: do not search again. */
  readonly hopeless: boolean;
}

/**
 * Finds a configuration that HAProxy accepts, leaving out as few apps as possible: those that its words point to, else those
 * that halving finds. Apps that are as HAProxy accepted them before are never left out: when they are refused now, something
 * else has changed, and the whole last good configuration stays.
 */
export async function isolate(deps: IsolateDeps, draft: Draft, known: IsolateKnowledge): Promise<Isolated> {
  const total = appsOf(draft.table).length;
  const excluded = new Map<AppId, string>();
  const runs = countedRuns(deps);
  let trusted: ReadonlySet<AppId> | undefined;
  let current = draft;
  let words: readonly Diagnostic[] | undefined;
  const refused = (left: ReadonlyMap<AppId, string>) =>
    ({ kind: 'refused', excluded: left, diagnostics: words ?? [] }) as const;
  for (;;) {
    if (deps.runs(current.config)) return { kind: 'valid', draft: current, ms: 0, excluded };
    if (runs.left() === 0) return refused(excluded);
    const startedAt = deps.clock.now();
    const result = await runs.validate(current.config);
    const ms = deps.clock.now() - startedAt;
    if (result.ok) return { kind: 'valid', draft: current, candidate: result.value, ms, excluded };
    if (result.failure.kind !== 'invalid') return { kind: 'failed', failure: result.failure };
    words ??= result.failure.diagnostics;
    trusted ??= unchangedApps(known.lastGood, draft.table);
    const found = await culprits(deps, runs, current, { ...result.failure, trusted, ms, hopeless: known.hopeless });
    if ('kind' in found) return found;
    if (found.size === 0) return refused(runs.left() === 0 ? excluded : new Map());
    for (const [app, words] of found) excluded.set(app, words);
    const table = withoutApps(draft.table, excluded);
    if (tooMany(excluded.size, total) || (known.serving && table.backends.length === 0)) {
      return refused(new Map());
    }
    const rendered = deps.render(table);
    if (!rendered.ok) return { kind: 'render-failed', failure: rendered.failure };
    current = { table, config: rendered.value };
  }
}

interface Refusal {
  readonly diagnostics: readonly Diagnostic[];
  readonly trusted: ReadonlySet<AppId>;
  readonly ms: number;
  readonly hopeless: boolean;
}

/** Who is to be left out after a refusal, with HAProxy's words; empty: nobody can be found. */
async function culprits(
  deps: IsolateDeps,
  runs: Runs,
  { table, config }: Draft,
  { diagnostics, trusted, ms, hopeless }: Refusal,
): Promise<ReadonlyMap<AppId, string> | Ended> {
  const suspects = appsOf(table).filter((app) => !trusted.has(app));
  const pointedAtBy = (said: readonly Diagnostic[]) => answerable(table, deps.blame(said, config.owners));
  const pointedAt = pointedAtBy(diagnostics);
  const blamed = suspects.filter((app) => pointedAt.has(app));
  deps.emit({ type: 'validation-failed', diagnostics, blamed, ms });
  if (blamed.length > 0) {
    const about = (app: AppId) => diagnostics.filter((one) => pointedAtBy([one]).has(app));
    return new Map(blamed.map((app) => [app, wordsOf(about(app))]));
  }
  if (hopeless || suspects.length === 0) return new Map();
  const found = await bisect(deps, runs, table, suspects);
  if (typeof found === 'object') return found;
  return found === 'nobody' ? new Map() : new Map([[found, wordsOf(diagnostics)]]);
}

type Ended = Extract<Isolated, { readonly kind: 'failed' | 'render-failed' }>;

/**
 * The first app without which what stands before it is valid: halving, so about log2 of the suspects runs. 'nobody' when
 * even without all suspects the configuration is refused, or the runs are used up.
 */
async function bisect(
  deps: IsolateDeps,
  runs: Runs,
  table: RoutingTable,
  suspects: readonly AppId[],
): Promise<AppId | 'nobody' | Ended> {
  const validWith = async (kept: ReadonlySet<AppId>): Promise<boolean | Ended> => {
    const rendered = deps.render(withoutApps(table, new Set(suspects.filter((app) => !kept.has(app)))));
    if (!rendered.ok) return { kind: 'render-failed', failure: rendered.failure };
    if (deps.runs(rendered.value)) return true;
    const result = await runs.validate(rendered.value);
    if (result.ok) return true;
    return result.failure.kind === 'invalid' ? false : { kind: 'failed', failure: result.failure };
  };
  const base = await validWith(new Set());
  if (base !== true) return base === false ? 'nobody' : base;
  const good = new Set<AppId>();
  let left = suspects;
  while (left.length > 1) {
    if (runs.left() === 0) return 'nobody';
    const half = left.slice(0, Math.ceil(left.length / 2));
    const valid = await validWith(new Set([...good, ...half]));
    if (typeof valid === 'object') return valid;
    if (valid) for (const app of half) good.add(app);
    left = valid ? left.slice(half.length) : half;
  }
  return left[0] ?? 'nobody';
}

interface Runs {
  validate(config: RenderedConfig): Promise<Result<Candidate, ValidationFailure>>;
  left(): number;
}

function countedRuns(deps: IsolateDeps): Runs {
  let made = 0;
  return {
    validate(config) {
      made += 1;
      return deps.validate(config);
    },
    left: () => (deps.signal.aborted ? 0 : Math.max(0, MAX_RUNS - made)),
  };
}

const tooMany = (excluded: number, total: number): boolean => excluded > MAX_EXCLUDED && excluded > total / 4;
