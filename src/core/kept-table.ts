import { createAssembly } from './assembly.ts';
import type { WhenOpen } from './claims.ts';
import { createContest, type OpenName } from './contest.ts';
import type { Difference } from './difference.ts';
import { differenceOf, joined, sortedAfter } from './difference.ts';
import type { BuiltServices } from './kept-services.ts';
import { commonEnds } from './list-maker.ts';
import type { Memory } from './memory.ts';
import type { Checked, Problem } from './problem.ts';
import { byProblem, eachOnce } from './problem-order.ts';
import type { RoutingTable } from './routing.ts';
import type { LabelledApp } from './selection.ts';
import type { Settings } from './settings.ts';
import { createShadowing } from './shadowing.ts';

/** What is asked for otherwise than before. */
export interface AskedChange {
  readonly apps: Difference<LabelledApp>;
  /** All there are about labels of deployment groups. */
  readonly misfits: readonly Problem[];
  readonly services: Difference<BuiltServices>;
}

/** Makes the table of what is asked for. `held` is what the call before gave; at the first one it may be anything. */
export type KeptTable = (
  change: AskedChange,
  held: Memory['claims'],
) => Checked<RoutingTable> & { readonly claims: Memory['claims']; readonly open: readonly OpenName[] };

/** Keeps a table up to date: it costs what changes. */
export function createKeptTable(settings: Settings, whenOpen: WhenOpen = 'oldest'): KeptTable {
  const contest = createContest(settings, whenOpen);
  const shadowing = createShadowing(settings.pathMatch);
  const assembly = createAssembly();
  let misfitsBefore: readonly Problem[] = [];
  let told: readonly Problem[] = [];
  let problems: readonly Problem[] = [];

  return ({ apps, misfits, services }, held) => {
    const contested = contest(
      differenceOf(services, (one) => one.services),
      held,
    );
    const shown = shadowing(contested.awards);
    const assembled = assembly(contested.awards, shown.routes);
    const toldNow = sortedAfter(
      told,
      joined(
        differenceOf(apps, ({ labels }) => labels.problems),
        differenceOf(services, (one) => one.problems),
        { gone: misfitsBefore, came: misfits },
        contested.problems,
        shown.problems,
        assembled.problems,
      ),
      byProblem,
    );
    if (toldNow !== told) problems = eachOnceAfter({ told, problems }, toldNow);
    told = toldNow;
    misfitsBefore = misfits;
    return { value: assembled.table, problems, claims: contested.claims, open: contested.open };
  };
}

/** `eachOnce`, looking only at what is different where nothing was told twice: there are as many problems as apps, or more. */
function eachOnceAfter(
  before: { readonly told: readonly Problem[]; readonly problems: readonly Problem[] },
  told: readonly Problem[],
): readonly Problem[] {
  if (before.problems.length !== before.told.length) return sameOr(before.problems, eachOnce(told));
  const { head, tail } = commonEnds(before.told, told);
  const around = told.slice(Math.max(0, head - 1), told.length - Math.max(0, tail - 1));
  if (eachOnce(around).length !== around.length) return sameOr(before.problems, eachOnce(told));
  const between = (list: readonly Problem[]): readonly Problem[] => list.slice(head, list.length - tail);
  const kept = between(before.problems);
  return sameOr(kept, between(told)) === kept ? before.problems : told;
}

/** The list of before when it says the same. */
function sameOr(before: readonly Problem[], now: readonly Problem[]): readonly Problem[] {
  return before.length === now.length &&
    now.every((problem, index) => byProblem(problem, before[index] ?? problem) === 0)
    ? before
    : now;
}
