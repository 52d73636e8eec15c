import type { AppId } from '../core/app.ts';
import type { Diagnostic, TemplateFailure } from '../core/config.ts';
import type { Candidate, ValidationFailure } from '../core/ports.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Holding } from '../core/stand-in.ts';
import type { Runs } from './counted-runs.ts';
import type { Culprit, Culprits, Draft, IsolateDeps } from './culprits.ts';
import { holdingsOf } from './culprits.ts';

/**
 * Runs of one pass, at most, and how long after the first refusal the last one may begin, where everybody who is suspected can be
 * held and loses nothing by it: tasks come and go meanwhile, and wait for the end of the pass. The next passes go on from there.
 */
const MAX_RUNS_UNHURRIED = 4;
const LONGEST_UNHURRIED_MS = 250;

/** Where a search starts. */
export interface SearchStart {
  /** Of the whole. */
  readonly table: RoutingTable;
  /** What was refused last, and what HAProxy said of it, which points to nobody. */
  readonly refused: Draft;
  readonly diagnostics: readonly Diagnostic[];
  /** Who is held already. */
  readonly held: Culprits;
  readonly suspects: readonly AppId[];
  /** HAProxy has accepted something in this life: an app of which nothing was good is a new one. */
  readonly accepted: boolean;
}

/** How it ended. */
export type Searched =
  | {
      readonly kind: 'found';
      readonly draft: Draft;
      readonly candidate?: Candidate;
      readonly ms: number;
      readonly held: Culprits;
    }
  /** Not even without all suspects is it valid. */
  | { readonly kind: 'nobody' }
  /** The runs are used up, and some who are suspected could only be left out. `held`: those that were proven. */
  | { readonly kind: 'unfinished'; readonly held: Culprits }
  | { readonly kind: 'failed'; readonly failure: ValidationFailure }
  | { readonly kind: 'render-failed'; readonly failure: TemplateFailure };

/** What is valid so far. */
interface Valid {
  readonly draft: Draft;
  readonly candidate?: Candidate;
  readonly ms: number;
}

/**
 * Finds all culprits among the suspects by trying parts of them, first among those whose definition is new. What was tried last
 * and found valid is what is loaded: it needs no further run.
 */
export async function search(deps: IsolateDeps, runs: Runs, start: SearchStart): Promise<Searched> {
  const fresh = start.suspects.filter((app) => !deps.isKnown(app));
  if (fresh.length > 0 && fresh.length < start.suspects.length) {
    const found = await searchAmong(deps, runs, { ...start, suspects: fresh });
    if (found.kind !== 'nobody') return found;
  }
  return start.suspects.length === 0 ? { kind: 'nobody' } : searchAmong(deps, runs, start);
}

async function searchAmong(deps: IsolateDeps, runs: Runs, start: SearchStart): Promise<Searched> {
  const { held, suspects } = start;
  const ways = new Map<AppId, Holding>();
  for (const app of suspects) {
    const holding = deps.further(app, start.table, undefined);
    if (holding !== undefined) ways.set(app, holding);
  }
  const isNew = ({ good }: Holding): boolean => start.accepted && good === undefined;
  const isHarmless = [...ways.values()].every((way) => way.step !== 'out' || isNew(way));
  const free = new Set<AppId>();
  const culprits = new Map<AppId, Culprit>();
  const draftWith = (apps: readonly AppId[]) => {
    const freed = new Set([...free, ...apps]);
    const others = [...ways].filter(([app]) => !freed.has(app));
    return deps.without(new Map([...holdingsOf(held), ...others]));
  };

  const base = await draftWith([]);
  if (!base.ok) return { kind: 'render-failed', failure: base.failure };
  const tried = await runs.attempt(base.value);
  if (tried.kind === 'failed') return tried;
  if (tried.kind === 'none-left') return { kind: 'unfinished', held };
  if (tried.kind === 'invalid') return { kind: 'nobody' };
  if (isHarmless) runs.limit(MAX_RUNS_UNHURRIED, LONGEST_UNHURRIED_MS);
  let valid: Valid = { ...tried, draft: base.value };
  let { diagnostics: said, refused: last } = start;

  /** Whether one of these is to blame, beside those that are not. */
  async function isGuilty(apps: readonly AppId[]): Promise<boolean | Stopped> {
    const draft = await draftWith(apps);
    if (!draft.ok) return { kind: 'render-failed', failure: draft.failure };
    const outcome = await runs.attempt(draft.value);
    if (outcome.kind === 'failed' || outcome.kind === 'none-left') return outcome;
    if (outcome.kind === 'valid') {
      for (const app of apps) free.add(app);
      valid = { ...outcome, draft: draft.value };
      return false;
    }
    said = outcome.diagnostics;
    last = draft.value;
    return true;
  }

  /** Finds one of the guilty among these by halving; gives those of whom nothing is known yet. */
  async function convictOne(guilty: readonly AppId[]): Promise<readonly AppId[] | Stopped> {
    const unknown: AppId[] = [];
    let apps = guilty;
    while (apps.length > 1) {
      const middle = Math.ceil(apps.length / 2);
      const [half, other] = [apps.slice(0, middle), apps.slice(middle)];
      const found = await isGuilty(half);
      if (typeof found !== 'boolean') return found;
      if (found) unknown.push(...other);
      // Where one half is not to blame, the other one is.
      apps = found ? half : other;
    }
    for (const app of apps) {
      const holding = ways.get(app);
      if (holding !== undefined) culprits.set(app, { holding, said, config: last.config });
    }
    return unknown;
  }

  let open: readonly AppId[] = [...ways.keys()];
  let stopped: Stopped | undefined;
  while (open.length > 0 && stopped === undefined) {
    const rest = await convictOne(open);
    if ('kind' in rest) {
      stopped = rest;
      break;
    }
    const guilty = rest.length === 0 ? false : await isGuilty(rest);
    if (typeof guilty !== 'boolean') stopped = guilty;
    open = guilty === true ? rest : [];
  }
  if (stopped !== undefined && stopped.kind !== 'none-left') return stopped;
  const left = [...ways].filter(([app]) => !free.has(app) && !culprits.has(app));
  if (left.length > 0 && !isHarmless) return { kind: 'unfinished', held: new Map([...held, ...culprits]) };
  const { diagnostics, refused } = start;
  const suspected = Math.ceil(left.length / 2);
  for (const [app, holding] of left)
    culprits.set(app, { holding, said: diagnostics, config: refused.config, suspected });
  return { kind: 'found', ...valid, held: new Map([...held, ...culprits]) };
}

/** Why a search ends early. */
type Stopped = Extract<Searched, { readonly kind: 'failed' | 'render-failed' }> | { readonly kind: 'none-left' };
