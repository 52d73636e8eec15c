import type { AppId } from '../core/app.ts';
import { blamedProfiles } from '../core/blame.ts';
import type { Diagnostic, TemplateFailure } from '../core/config.ts';
import type { Candidate, ValidationFailure } from '../core/ports.ts';
import { changedApps, sharingProfiles } from '../core/quarantine.ts';
import type { RoutingTable } from '../core/routing.ts';
import { createRuns } from './counted-runs.ts';
import type { Culprit, Culprits, Draft, IsolateDeps } from './culprits.ts';
import { holdingsOf } from './culprits.ts';
import { type Searched, search } from './search-culprits.ts';

export type { Draft } from './culprits.ts';

/** More apps than this, and more than a quarter of all, are never left out at once: then the cause lies elsewhere. */
const MAX_LEFT_OUT = 10;

/** How it ended. `held` is never more than was proven, or than costs nobody anything. */
export type Isolated =
  | {
      readonly kind: 'valid';
      readonly draft: Draft;
      /** Absent when the remaining configuration is the one that runs. */
      readonly candidate?: Candidate;
      readonly ms: number;
      readonly held: Culprits;
    }
  /** `diagnostics`: what HAProxy said of the whole. */
  | { readonly kind: 'refused'; readonly held: Culprits; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: 'failed'; readonly failure: ValidationFailure }
  | { readonly kind: 'render-failed'; readonly failure: TemplateFailure };

/** What is known before the first run. */
export interface IsolateKnowledge {
  /** The table that HAProxy accepted last, if it was in this life. */
  readonly lastGood?: RoutingTable | undefined;
  /** HAProxy has accepted something in this life or before: an app of which nothing was good is a new one. */
  readonly remembers: boolean;
  /** HAProxy serves routes now: a configuration that leaves out all of them is no way out. */
  readonly serving: boolean;
  /** This very configuration was refused before and nobody was found: do not search again. */
  readonly hopeless: boolean;
}

const NOBODY: Culprits = new Map();

/**
 * Finds a configuration that HAProxy accepts, holding as few apps as possible at what was good of them: those that its words point
 * to, else those that are found by trying. Apps that are as HAProxy accepted them before are never held: when they are refused
 * now, something else has changed, and the whole last good configuration stays.
 */
export async function isolate(deps: IsolateDeps, draft: Draft, known: IsolateKnowledge): Promise<Isolated> {
  if (deps.runs(draft.config)) return { kind: 'valid', draft, ms: 0, held: NOBODY };
  const startedAt = deps.clock.now();
  const result = await deps.validate(draft.config);
  const ms = deps.clock.now() - startedAt;
  if (result.ok) return { kind: 'valid', draft, candidate: result.value, ms, held: NOBODY };
  const { failure } = result;
  if (failure.kind !== 'invalid') return { kind: 'failed', failure };
  return deps.alone(() => withoutCulprits(deps, draft, { ...known, diagnostics: failure.diagnostics, ms }));
}

interface Refusal extends IsolateKnowledge {
  readonly diagnostics: readonly Diagnostic[];
  readonly ms: number;
}

async function withoutCulprits(deps: IsolateDeps, draft: Draft, first: Refusal): Promise<Isolated> {
  const runs = createRuns(deps, 1);
  const suspects = changedApps(first.lastGood, draft.table);
  const held = new Map<AppId, Culprit>();
  const refused = (culprits: Culprits) =>
    ({ kind: 'refused', held: culprits, diagnostics: first.diagnostics }) as const;
  let current = draft;
  let { diagnostics, ms } = first;
  for (;;) {
    const about = saidOfEach(deps, current, diagnostics);
    const blamed = suspects.filter((app) => about.has(app) && held.get(app)?.holding.step !== 'out');
    deps.emit({ type: 'validation-failed', diagnostics, blamed, ms });
    if (blamed.length === 0) break;
    for (const app of blamed) {
      const holding = deps.further(app, draft.table, held.get(app)?.holding);
      if (holding !== undefined) held.set(app, { holding, said: about.get(app) ?? [], config: current.config });
    }
    const next = await deps.without(holdingsOf(held));
    if (!next.ok) return { kind: 'render-failed', failure: next.failure };
    current = next.value;
    if (isNoWayOut(draft, current, held, first)) return refused(NOBODY);
    const tried = await runs.attempt(current);
    if (tried.kind === 'valid') return { ...tried, draft: current, held };
    if (tried.kind !== 'invalid') return tried.kind === 'none-left' ? refused(held) : tried;
    ({ diagnostics, ms } = tried);
  }
  if (first.hopeless) return refused(NOBODY);
  const unheld = suspects.filter((app) => !held.has(app));
  const found = await search(deps, runs, {
    table: draft.table,
    refused: current,
    diagnostics,
    held,
    suspects: unheld,
    accepted: first.lastGood !== undefined,
  });
  return concluded(found, draft, first, refused);
}

function concluded(
  found: Searched,
  whole: Draft,
  known: IsolateKnowledge,
  refused: (held: Culprits) => Isolated,
): Isolated {
  switch (found.kind) {
    case 'found':
      if (isNoWayOut(whole, found.draft, found.held, known)) return refused(NOBODY);
      return { ...found, kind: 'valid' };
    case 'nobody':
      return refused(NOBODY);
    case 'unfinished':
      return refused(found.held);
    default:
      return found;
  }
}

/** What diagnostics say about each app that they point to. One pass over them, as they may be about thousands. */
function saidOfEach(
  deps: IsolateDeps,
  draft: Draft,
  said: readonly Diagnostic[],
): ReadonlyMap<AppId, readonly Diagnostic[]> {
  const about = new Map<AppId, Diagnostic[]>();
  for (const one of said) {
    for (const app of pointedAtBy(deps, draft, one)) {
      const before = about.get(app);
      if (before === undefined) about.set(app, [one]);
      else before.push(one);
    }
  }
  return about;
}

/** The makers of what a diagnostic points to; a profile that was refused is of all who go by it. */
function pointedAtBy(deps: IsolateDeps, { table, config }: Draft, said: Diagnostic): ReadonlySet<AppId> {
  const blamed = deps.blame([said], config.owners);
  const profiles = blamedProfiles([said], config.owners);
  return profiles.size === 0 ? blamed : new Set([...blamed, ...sharingProfiles(table, profiles)]);
}

/**
 * Too many would be left out, or everything that serves. Of apps that HAProxy has never accepted any number may be: nobody loses
 * anything by it, and everybody else would have to wait for them.
 */
function isNoWayOut(whole: Draft, rest: Draft, held: Culprits, { remembers, serving }: IsolateKnowledge): boolean {
  const out = [...held.values()].filter(({ holding }) => holding.step === 'out');
  if (out.length === 0) return false;
  const losers = out.filter(({ holding }) => !remembers || holding.good !== undefined).length;
  const all = new Set(whole.table.backends.map(({ app }) => app)).size;
  return (losers > MAX_LEFT_OUT && losers > all / 4) || (serving && rest.table.backends.length === 0);
}
