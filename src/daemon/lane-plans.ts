import { seenBackends } from '../core/dynamic-backends.ts';
import type { Loaded } from '../core/loaded.ts';
import type { PathMatch } from '../core/path-match.ts';
import { createPlacer } from '../core/placed-table.ts';
import { choosePlaces, readPlacement } from '../core/placement.ts';
import { sameSections } from '../core/reach.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { HaproxyRuntime, Tier } from '../core/runtime.ts';
import { type Difference, unexpected } from '../core/runtime-difference.ts';
import { planRuntime, type RuntimePlan, type Touched } from '../core/runtime-plan.ts';
import { planRepair } from '../core/runtime-repair.ts';
import { withToldWords } from '../core/told-words.ts';
import { unrepaired } from '../core/unrepaired.ts';
import type { Kept, LaneParts, Suspect } from './lane.ts';
import type { Leavers } from './leavers.ts';

/** What was seen before a batch. */
export interface Found {
  /** It was known to run otherwise, and nobody was told of it yet. */
  readonly drift: readonly Difference[];
  /** It should have run otherwise, but nothing was certain. */
  readonly uncertain: readonly Difference[];
  /** HAProxy lost it, and no command brings it back. */
  readonly unrepaired: readonly Difference[];
}

/** A batch, what led to it, and what is kept of it once it is carried out. */
export interface LanePlan {
  readonly next: Kept;
  readonly plan: RuntimePlan;
  readonly found: Found;
}

/** Where a plan is to lead: a table, and what the templates say besides it. */
export interface LaneGoal {
  readonly table: RoutingTable;
  readonly parts: LaneParts;
  readonly tier: Tier;
}

/** Plans of batches, each made from what was read just before. Fails where that could not be read. */
export interface LanePlans {
  /** The usual way: from what is known to run to what should. Reads what the batch is to touch, and what is suspect. */
  change(now: Running, goal: LaneGoal): Promise<Result<LanePlan, string>>;
  /** After a restart, or doubt: everything is read, and only what was read is certain. */
  repair(now: Kept, goal: LaneGoal): Promise<Result<LanePlan, string>>;
}

/** What runs is known. */
export type Running = Kept & { readonly running: RoutingTable };

interface Parts {
  readonly runtime: Pick<HaproxyRuntime, 'read'>;
  readonly leavers: Pick<Leavers, 'without'>;
  readonly pathMatch: PathMatch;
}

const NONE: readonly never[] = [];
const NOTHING_FOUND: Found = { drift: NONE, uncertain: NONE, unrepaired: NONE };
const NO_SUSPECT: Suspect = { backends: NONE, maps: NONE };

/** All that HAProxy can be asked: a map that nothing looks up is unknown to it. */
const everything = ({ maps }: Loaded) => ({ backends: 'all', maps: [...maps] }) as const;

/** Plans that remember which tables they have placed. */
export function createLanePlans({ runtime, leavers, pathMatch }: Parts): LanePlans {
  const place = createPlacer();

  /** What a plan starts from, and where everybody is to be. */
  function prepare(now: Running, { table, parts, tier }: LaneGoal) {
    const { loaded, leftovers, running } = now;
    const { shapes, fixed } = parts;
    const sameParts = now.parts === undefined || (now.parts.shapes === shapes && sameSections(now.parts.fixed, fixed));
    const before = sameParts ? now.wanted : undefined;
    const placement = choosePlaces({ before, after: table, placement: now.placement, loaded, shapes, tier });
    const after = leavers.without(place(table, placement.places));
    const { unplaced } = placement;
    const next: Kept = { ...now, placement, wanted: table, parts, suspect: undefined };
    const compareAll = !sameParts;
    return {
      next,
      inputs: { before: running, after, loaded, shapes, fixed, tier, leftovers, unplaced, compareAll, pathMatch },
    };
  }

  async function change(now: Running, goal: LaneGoal): Promise<Result<LanePlan, string>> {
    const { next, inputs } = prepare(now, goal);
    const plan = planRuntime(inputs);
    if (now.suspect === undefined && plan.commands.length === 0) return ok({ next, plan, found: NOTHING_FOUND });
    const suspect = now.suspect ?? NO_SUSPECT;
    const asked = toRead(plan.touched, suspect);
    const observed = await runtime.read(now.generation, asked);
    if (observed === undefined) return fail('what is to be changed could not be read');
    if (now.suspect === undefined && unexpected(observed, plan.touched, now.running, pathMatch).length === 0) {
      return ok({ next, plan, found: NOTHING_FOUND });
    }
    const repair = planRepair({ ...inputs, observed, asked });
    const lost = unrepaired(observed, asked, inputs.after, repair, pathMatch);
    return ok({
      next,
      plan: repair,
      found: { drift: untold(repair.drift, suspect), uncertain: NONE, unrepaired: lost },
    });
  }

  async function repair(now: Kept, { table, parts, tier }: LaneGoal): Promise<Result<LanePlan, string>> {
    const asked = everything(now.loaded);
    const observed = await runtime.read(now.generation, { ...asked, dynamic: true });
    if (observed === undefined) return fail('what the worker runs could not be read from its socket');
    const loaded = seenBackends(now.loaded, observed);
    const { shapes, fixed } = parts;
    const placement = readPlacement(table, observed, { loaded, shapes, tier, pathMatch });
    const told = now.told && place(withToldWords(table, now.told), placement.places);
    const after = leavers.without(place(table, placement.places));
    const plan = planRepair({
      observed,
      ...(told && { told }),
      asked,
      before: now.perhaps,
      after,
      loaded,
      shapes,
      fixed,
      tier,
      leftovers: now.leftovers,
      unplaced: placement.unplaced,
      compareAll: true,
      pathMatch,
    });
    return ok({
      next: { ...now, placement, wanted: table, parts, suspect: undefined },
      plan,
      found: { drift: NONE, uncertain: plan.drift, unrepaired: unrepaired(observed, asked, after, plan, pathMatch) },
    });
  }

  return { change, repair };
}

/** A map that is to be replaced is right afterwards, whatever stood in it: reading it would cost what the map costs. */
const toRead = ({ backends, rows }: Touched, suspect: Suspect) => ({
  backends: [...new Set([...backends, ...suspect.backends])],
  maps: suspect.maps,
  rows,
});

/** What is suspect was told when it was seen. */
const untold = (drift: readonly Difference[], { backends, maps }: Suspect): readonly Difference[] =>
  drift.filter((one) => {
    if ('map' in one) return !maps.includes(one.map);
    return !('backend' in one && backends.includes(one.backend));
  });
