import type { Generation } from '../core/config.ts';
import { afterBatch, seenBackends } from '../core/dynamic-backends.ts';
import { takeOut } from '../core/fast-lane.ts';
import type { LeavingTask } from '../core/leaving.ts';
import { forgetDeleted, NO_LEFTOVERS } from '../core/leftovers.ts';
import { type Loaded, loadedConfig, loadedTable } from '../core/loaded.ts';
import type { PathMatch } from '../core/path-match.ts';
import { createPlacer } from '../core/placed-table.ts';
import { choosePlaces, OWN_PLACES, readPlacement } from '../core/placement.ts';
import type { Clock } from '../core/ports.ts';
import { sameSections } from '../core/reach.ts';
import type { CertificateNeed } from '../core/reload-need.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { HaproxyRuntime, LeftPlace, Tier } from '../core/runtime.ts';
import { formatDifference, verify } from '../core/runtime-difference.ts';
import { planRuntime, type RuntimePlan } from '../core/runtime-plan.ts';
import { planRepair } from '../core/runtime-repair.ts';
import { createSpareCounter } from '../core/spare-counts.ts';
import { unrepaired } from '../core/unrepaired.ts';
import { createKeptCertificates } from './kept-certificates.ts';
import type { Carried, Kept, KeptLane, LaneParts, LaneWorker, Suspect } from './lane.ts';
import { createComparison } from './lane-comparison.ts';
import type { Timings } from './timings.ts';

/** All that HAProxy can be asked: a map that nothing looks up is unknown to it. */
const everything = ({ maps }: Loaded) => ({ backends: 'all', maps: [...maps] }) as const;

type Running = Kept & { readonly running: RoutingTable };

/** What was seen on the way. */
type Found = Pick<Extract<Carried, { kind: 'carried' }>, 'drift'> &
  Pick<Extract<Carried, { kind: 'reload' }>, 'unrepaired'>;

const NOTHING: readonly never[] = [];
const NOTHING_FOUND: Found = { drift: NOTHING, unrepaired: NOTHING };

/** How paths are matched, and two of the daemon's timings. */
type LaneOptions = { readonly pathMatch: PathMatch } & Pick<Timings, 'leavingMs' | 'comparePauseMs'>;

const wrongCertificate = ({ certificate }: CertificateNeed) => ({ what: 'certificate-wrong', certificate }) as const;

/** A worker to which nothing was said yet. `running`: what it is known to run. */
function begun(generation: Generation, loaded: Loaded, running?: RoutingTable, parts?: LaneParts): Kept {
  return { generation, loaded, placement: OWN_PLACES, leftovers: NO_LEFTOVERS, wanted: running, running, parts };
}

/** A lane that knows nothing yet. */
export function createKeptLane(
  runtime: HaproxyRuntime,
  clock: Clock,
  { pathMatch, leavingMs, comparePauseMs }: LaneOptions,
): KeptLane {
  const place = createPlacer();
  const countSpares = createSpareCounter();
  const certificates = createKeptCertificates(runtime.certificates);
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

  async function carry(
    table: RoutingTable,
    partsOf: () => LaneParts | undefined,
    worker: LaneWorker,
  ): Promise<Carried> {
    const tier = await runtime.tier();
    const parts = tier === 'D' ? undefined : partsOf();
    if (parts === undefined) return { kind: 'reload', needs: [{ because: 'no-runtime' }], unrepaired: NOTHING };
    const now = kept?.generation === worker.generation ? kept : begun(worker.generation, loadedConfig(worker.loaded));
    kept = now;
    const { running, suspect } = now;
    if (running === undefined) return repair(now, table, parts, tier);
    return suspect === undefined
      ? change({ ...now, running }, table, parts, tier)
      : mend({ ...now, running }, suspect, table, parts, tier);
  }

  /** What a plan starts from, and where everybody is to be. */
  function prepare(now: Running, table: RoutingTable, parts: LaneParts, tier: Tier) {
    const { loaded, leftovers, running } = now;
    const { shapes, fixed } = parts;
    const sameParts = now.parts === undefined || (now.parts.shapes === shapes && sameSections(now.parts.fixed, fixed));
    const before = sameParts ? now.wanted : undefined;
    const placement = choosePlaces({ before, after: table, placement: now.placement, loaded, shapes, tier });
    const after = withoutLeavers(place(table, placement.places));
    const { unplaced } = placement;
    const next: Kept = { ...now, placement, wanted: table, parts, suspect: undefined };
    const compareAll = !sameParts;
    return {
      next,
      inputs: { before: running, after, loaded, shapes, fixed, tier, leftovers, unplaced, compareAll, pathMatch },
    };
  }

  /** The usual way: from what is known to run to what should. */
  async function change(now: Running, table: RoutingTable, parts: LaneParts, tier: Tier): Promise<Carried> {
    const { next, inputs } = prepare(now, table, parts, tier);
    return carryOut(next, planRuntime(inputs), tier);
  }

  /** The same, while parts of what runs were seen to be otherwise. */
  async function mend(
    now: Running,
    asked: Suspect,
    table: RoutingTable,
    parts: LaneParts,
    tier: Tier,
  ): Promise<Carried> {
    const observed = await runtime.read(now.generation, asked);
    if (observed === undefined) return doubtful('what was seen to be otherwise could not be read again');
    const { next, inputs } = prepare(now, table, parts, tier);
    const plan = planRepair({ ...inputs, observed, asked });
    // It was told when it was seen.
    return carryOut(next, plan, tier, {
      drift: NOTHING,
      unrepaired: unrepaired(observed, asked, inputs.after, plan, pathMatch),
    });
  }

  /** After a restart, or doubt: everything is read, and only what was read is certain. */
  async function repair(now: Kept, table: RoutingTable, parts: LaneParts, tier: Tier): Promise<Carried> {
    const asked = everything(now.loaded);
    const observed = await runtime.read(now.generation, { ...asked, dynamic: true });
    if (observed === undefined) return doubtful('what the worker runs could not be read from its socket');
    const loaded = seenBackends(now.loaded, observed);
    const { shapes, fixed } = parts;
    const placement = readPlacement(table, observed, { loaded, shapes, tier, pathMatch });
    const after = withoutLeavers(place(table, placement.places));
    const plan = planRepair({
      observed,
      asked,
      before: undefined,
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
    return carryOut({ ...now, placement, wanted: table, parts, suspect: undefined }, plan, tier, {
      drift: plan.drift,
      unrepaired: unrepaired(observed, asked, after, plan, pathMatch),
    });
  }

  /** Sends the commands, and proves by reading what they touched. */
  async function carryOut(next: Kept, plan: RuntimePlan, tier: Tier, seen: Found = NOTHING_FOUND): Promise<Carried> {
    const { generation } = next;
    const carried = await certificates.carry(next, plan.target.services);
    let left: readonly LeftPlace[] = NOTHING;
    if (plan.commands.length > 0) {
      const result = await runtime.run(generation, plan.commands);
      if (result.kind === 'refused')
        return doubtful(`${JSON.stringify(result.command.do)} was refused: ${result.reply}`, 'drift');
      if (result.kind === 'doubt') return doubtful(result.detail);
      left = result.left;
      const observed = await runtime.read(generation, plan.touched);
      if (observed === undefined) return doubtful('what was changed could not be read back');
      const [wrong] = verify(observed, plan, pathMatch);
      if (wrong !== undefined) return doubtful(`after the commands ${formatDifference(wrong)}`, 'drift');
    }
    kept = {
      ...next,
      running: plan.target,
      loaded: afterBatch(plan.loaded, plan.commands, left),
      leftovers: forgetDeleted(plan.leftovers, tier, plan.removed, left),
    };
    const needs = [...plan.needs, ...carried.needs];
    return needs.length > 0
      ? { kind: 'reload', needs, unrepaired: [...seen.unrepaired, ...carried.needs.map(wrongCertificate)] }
      : { kind: 'carried', commands: [...carried.commands, ...plan.commands], drift: seen.drift };
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

  function doubtful(detail: string, because: 'doubt' | 'drift' = 'doubt'): Carried {
    doubt();
    return { kind: 'doubt', because, detail };
  }

  function doubt(): void {
    certificates.doubt();
    if (kept !== undefined) kept = { ...kept, running: undefined, wanted: undefined };
  }

  const compareCertificates = async () =>
    kept?.running === undefined ? NOTHING : certificates.compare(kept, kept.running.services);

  const compare = createComparison({
    runtime,
    clock,
    pathMatch,
    pauseMs: comparePauseMs,
    inTurn,
    kept: () => kept,
    keep: (now) => {
      kept = now;
    },
  });

  return {
    carry: (...given) => inTurn(() => carry(...given)),
    async compare(signal) {
      const compared = await compare(signal);
      if (compared.kind === 'unread') doubt();
      const wrong = compared.kind === 'same' ? await inTurn(compareCertificates) : NOTHING;
      return wrong.length === 0 ? compared : { kind: 'different', differences: wrong };
    },
    spares: () => (kept === undefined ? NOTHING : countSpares(kept.loaded, kept.placement)),
    leave: (leaving) => inTurn(() => leave(leaving)),
    doubt,
    loaded(table, parts, generation) {
      certificates.loaded(generation, parts.certificates);
      kept = begun(generation, loadedTable(table, parts.shapes, parts.spares, parts.fixed), table, parts);
    },
    places: () => kept?.placement.places ?? OWN_PLACES.places,
  };
}
