import type { Generation } from '../core/config.ts';
import { afterBatch } from '../core/dynamic-backends.ts';
import { forgetDeleted, NO_LEFTOVERS } from '../core/leftovers.ts';
import { loadedConfig, loadedTable } from '../core/loaded.ts';
import { OWN_PLACES } from '../core/placement.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { LeftPlace, Tier } from '../core/runtime.ts';
import type { RuntimePlan } from '../core/runtime-plan.ts';
import type { Kept, LaneParts, LaneWorker } from './lane.ts';
import { type LeavingNow, NOBODY } from './leavers.ts';

/** A worker that another life has loaded: all that is certain is what it read then. */
export const adopted = ({ generation, loaded, published }: LaneWorker): Kept => ({
  generation,
  loaded: loadedConfig(loaded),
  placement: OWN_PLACES,
  leftovers: NO_LEFTOVERS,
  wanted: undefined,
  running: undefined,
  told: published ?? loaded,
  without: NOBODY,
  parts: undefined,
});

/** A worker that has loaded exactly this. */
export const justLoaded = (table: RoutingTable, parts: LaneParts, generation: Generation): Kept => ({
  generation,
  loaded: loadedTable(table, parts.shapes, parts.spares, parts.fixed),
  placement: OWN_PLACES,
  leftovers: NO_LEFTOVERS,
  wanted: table,
  running: table,
  without: NOBODY,
  parts,
});

/** A batch was carried out, and read back. `left`: what could not be deleted yet; `without`: the leaving tasks that the target does without. */
export const proven = (
  next: Kept,
  { target, commands, removed, loaded, leftovers }: RuntimePlan,
  { tier, left, without }: { readonly tier: Tier; readonly left: readonly LeftPlace[]; readonly without: LeavingNow },
): Kept => ({
  ...next,
  running: target,
  perhaps: undefined,
  told: undefined,
  without,
  loaded: afterBatch(loaded, commands, left),
  leftovers: forgetDeleted(leftovers, tier, removed, left),
});
