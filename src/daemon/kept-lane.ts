import type { Generation } from '../core/config.ts';
import { afterBatch, forgetClosed, seenBackends } from '../core/dynamic-backends.ts';
import { takeOut } from '../core/fast-lane.ts';
import type { LeavingTask } from '../core/leaving.ts';
import { forgetDeleted, type Leftovers, NO_LEFTOVERS } from '../core/leftovers.ts';
import { type Loaded, loadedConfig, loadedTable } from '../core/loaded.ts';
import type { PathMatch } from '../core/path-match.ts';
import { createPlacer } from '../core/placed-table.ts';
import { choosePlaces, OWN_PLACES, type Placement, readPlacement, reclaimSpares } from '../core/placement.ts';
import type { Clock } from '../core/ports.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { HaproxyRuntime, LeftPlace, Tier } from '../core/runtime.ts';
import { type Difference, differences, formatDifference, verify } from '../core/runtime-difference.ts';
import { planRuntime, type RuntimePlan } from '../core/runtime-plan.ts';
import { planRepair } from '../core/runtime-repair.ts';
import type { Carried, KeptLane, LaneParts, LaneWorker } from './lane.ts';

/** All that HAProxy can be asked: a map that nothing looks up is unknown to it. */
const everything = ({ maps }: Loaded) => ({ backends: 'all', maps: [...maps] }) as const;

interface Kept {
  readonly generation: Generation;
  readonly loaded: Loaded;
  readonly placement: Placement;
  readonly leftovers: Leftovers;
  /** The wanted table that `placement` was made for. */
  readonly wanted: RoutingTable | undefined;
  /** What runs, in the words of its places; undefined: to be read. */
  readonly running: RoutingTable | undefined;
  readonly parts: LaneParts | undefined;
}

const NOTHING: readonly never[] = [];

/** A lane that knows nothing yet. */
export function createKeptLane(
  runtime: HaproxyRuntime,
  clock: Pick<Clock, 'now'>,
  { pathMatch, leavingMs }: { readonly pathMatch: PathMatch; readonly leavingMs: number },
): KeptLane {
  const place = createPlacer();
  let kept: Kept | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** Tasks on their way out, and until when an event's word counts more than a list in which they still run. */
  let leavers: readonly (LeavingTask & { readonly until: number })[] = [];

  /** One at a time: the fast lane must not meet a batch half-way. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  function adopted(worker: LaneWorker): Kept {
    return {
      generation: worker.generation,
      loaded: loadedConfig(worker.loaded),
      placement: OWN_PLACES,
      leftovers: NO_LEFTOVERS,
      wanted: undefined,
      running: undefined,
      parts: undefined,
    };
  }

  async function carry(
    table: RoutingTable,
    partsOf: () => LaneParts | undefined,
    worker: LaneWorker,
  ): Promise<Carried> {
    const tier = await runtime.tier();
    const parts = tier === 'D' ? undefined : partsOf();
    if (parts === undefined) return { kind: 'reload', needs: [{ because: 'no-runtime' }] };
    const now = kept?.generation === worker.generation ? kept : adopted(worker);
    kept = now;
    const { running } = now;
    return running === undefined ? repair(now, table, parts, tier) : change({ ...now, running }, table, parts, tier);
  }

  /** The usual way: from what is known to run to what should. */
  async function change(
    now: Kept & { readonly running: RoutingTable },
    table: RoutingTable,
    parts: LaneParts,
    tier: Tier,
  ) {
    const { loaded, leftovers, running } = now;
    const sameParts = now.parts === undefined || (now.parts.shapes === parts.shapes && now.parts.fixed === parts.fixed);
    const before = sameParts ? now.wanted : undefined;
    const placement = choosePlaces({
      before,
      after: table,
      placement: now.placement,
      loaded,
      shapes: parts.shapes,
      tier,
    });
    const plan = planRuntime({
      before: running,
      after: withoutLeavers(place(table, placement.places)),
      loaded,
      shapes: parts.shapes,
      fixed: parts.fixed,
      tier,
      leftovers,
      unplaced: placement.unplaced,
      compareAll: !sameParts,
      pathMatch,
    });
    return carryOut({ ...now, placement, wanted: table, parts }, plan, tier, NOTHING);
  }

  /** After a restart, or doubt: everything is read, and only what was read is certain. */
  async function repair(now: Kept, table: RoutingTable, parts: LaneParts, tier: Tier): Promise<Carried> {
    const asked = everything(now.loaded);
    const observed = await runtime.read(now.generation, { ...asked, dynamic: true });
    if (observed === undefined) return doubtful('what the worker runs could not be read from its socket');
    const loaded = seenBackends(now.loaded, observed);
    const { shapes, fixed } = parts;
    const placement = readPlacement(table, observed, { loaded, shapes, tier, pathMatch });
    const plan = planRepair({
      observed,
      asked,
      before: undefined,
      after: withoutLeavers(place(table, placement.places)),
      loaded,
      shapes,
      fixed,
      tier,
      leftovers: now.leftovers,
      unplaced: placement.unplaced,
      compareAll: true,
      pathMatch,
    });
    return carryOut({ ...now, placement, wanted: table, parts }, plan, tier, plan.drift);
  }

  /** Sends the commands, and proves by reading what they touched. */
  async function carryOut(next: Kept, plan: RuntimePlan, tier: Tier, drift: readonly Difference[]): Promise<Carried> {
    const { generation } = next;
    let left: readonly LeftPlace[] = NOTHING;
    if (plan.commands.length > 0) {
      const result = await runtime.run(generation, plan.commands);
      if (result.kind === 'refused')
        return doubtful(`${JSON.stringify(result.command.do)} was refused: ${result.reply}`);
      if (result.kind === 'doubt') return doubtful(result.detail);
      left = result.left;
      const observed = await runtime.read(generation, plan.touched);
      if (observed === undefined) return doubtful('what was changed could not be read back');
      const [wrong] = verify(observed, plan, pathMatch);
      if (wrong !== undefined) return doubtful(`after the commands ${formatDifference(wrong)}`);
    }
    kept = {
      ...next,
      running: plan.target,
      loaded: afterBatch(plan.loaded, plan.commands, left),
      leftovers: forgetDeleted(plan.leftovers, tier, plan.removed, left),
    };
    return plan.needs.length > 0
      ? { kind: 'reload', needs: plan.needs }
      : { kind: 'carried', commands: plan.commands, drift };
  }

  async function check(): Promise<readonly Difference[]> {
    const now = kept;
    if (now?.running === undefined) return NOTHING;
    const asked = everything(now.loaded);
    const observed = await runtime.read(now.generation, asked);
    if (observed === undefined) {
      doubt();
      return NOTHING;
    }
    const found = differences(observed, asked, now.running, pathMatch);
    if (found.length > 0) {
      doubt();
      return found;
    }
    const tried = [...now.leftovers].flatMap(([backend, servers]) =>
      [...servers.keys()].map((server) => ({ backend, server })),
    );
    const tier = await runtime.tier();
    const closed = [...now.loaded.dynamic.closed];
    const places = [...tried, ...closed.map((backend) => ({ backend }))];
    const left = tier === 'C' ? places : await runtime.sweep(now.generation, places);
    kept = {
      ...now,
      placement: reclaimSpares(now.placement, observed),
      loaded: forgetClosed(now.loaded, closed, left),
      leftovers: forgetDeleted(now.leftovers, tier, tried, left),
    };
    return NOTHING;
  }

  /** Marathon lists a task as running until it has ended: it stays out of rotation, unless nobody else would serve. */
  function withoutLeavers(table: RoutingTable): RoutingTable {
    leavers = leavers.filter(({ until }) => until > clock.now());
    if (leavers.length === 0) return table;
    const { backends, commands } = takeOut(table, leavers);
    return commands.length === 0 ? table : { ...table, backends };
  }

  async function leave(leaving: readonly LeavingTask[]): Promise<number> {
    const until = clock.now() + leavingMs;
    leavers = [...leavers, ...leaving.map((one) => ({ ...one, until }))];
    const now = kept;
    if (now?.running === undefined || (await runtime.tier()) === 'D') return 0;
    const { backends, commands } = takeOut(now.running, leaving);
    if (commands.length === 0) return 0;
    const result = await runtime.run(now.generation, commands);
    if (result.kind !== 'done') {
      doubt();
      return 0;
    }
    kept = { ...now, running: { ...now.running, backends } };
    return commands.length;
  }

  function doubtful(detail: string): Carried {
    doubt();
    return { kind: 'doubt', detail };
  }

  function doubt(): void {
    if (kept !== undefined) kept = { ...kept, running: undefined, wanted: undefined };
  }

  return {
    carry: (...given) => inTurn(() => carry(...given)),
    check: () => inTurn(check),
    leave: (leaving) => inTurn(() => leave(leaving)),
    doubt,
    loaded(table, parts, generation) {
      kept = {
        generation,
        loaded: loadedTable(table, parts.shapes, parts.spares, parts.fixed),
        placement: OWN_PLACES,
        leftovers: NO_LEFTOVERS,
        wanted: table,
        running: table,
        parts,
      };
    },
    places: () => kept?.placement.places ?? OWN_PLACES.places,
  };
}
