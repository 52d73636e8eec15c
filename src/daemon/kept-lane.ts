import { seenBackends } from '../core/dynamic-backends.ts';
import { eitherTable } from '../core/either-table.ts';
import { takeOut } from '../core/fast-lane.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { Loaded } from '../core/loaded.ts';
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
import { withToldWords } from '../core/told-words.ts';
import { unrepaired } from '../core/unrepaired.ts';
import { createKeptCertificates } from './kept-certificates.ts';
import { adopted, justLoaded, proven } from './kept-worker.ts';
import type { Carried, Kept, KeptLane, LaneParts, LaneWorker, Suspect } from './lane.ts';
import { createComparison } from './lane-comparison.ts';
import { createLeavers } from './leavers.ts';
import type { Timings } from './timings.ts';
import { createTurns } from './turns.ts';

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
  const leavers = createLeavers(clock, leavingMs);
  const { inTurn, interrupt, isInterrupted } = createTurns();

  async function carry(
    table: RoutingTable,
    partsOf: () => LaneParts | undefined,
    worker: LaneWorker,
  ): Promise<Carried> {
    const tier = await runtime.tier();
    const parts = tier === 'D' ? undefined : partsOf();
    if (parts === undefined) return { kind: 'reload', needs: [{ because: 'no-runtime' }], unrepaired: NOTHING };
    const now = kept?.generation === worker.generation ? kept : adopted(worker);
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
    const after = leavers.without(place(table, placement.places));
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
      // Nothing is certain until it was read back, whatever ends this on the way.
      suspend(eitherTable(plan.target, next.running ?? next.perhaps));
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
    if (isInterrupted())
      return { kind: 'doubt', because: 'doubt', detail: 'what runs was doubted, or loaded, meanwhile' };
    kept = proven(next, plan, { tier, left, without: leavers.now() });
    const needs = [...plan.needs, ...carried.needs];
    return needs.length > 0
      ? { kind: 'reload', needs, unrepaired: [...seen.unrepaired, ...carried.needs.map(wrongCertificate)] }
      : { kind: 'carried', commands: [...carried.commands, ...plan.commands], drift: seen.drift };
  }

  async function leave(leaving: readonly LeavingTask[]): Promise<number> {
    leavers.join(leaving);
    const now = kept;
    if (now?.running === undefined || (await runtime.tier()) === 'D' || isInterrupted()) return 0;
    const { backends, commands } = takeOut(now.running, leaving);
    if (commands.length === 0) kept = { ...now, without: leavers.now() };
    if (commands.length === 0) return 0;
    const target = { ...now.running, backends };
    const touched = { backends: commands.map(({ backend }) => backend), maps: NOTHING, rows: NOTHING };
    const result = await runtime.run(now.generation, commands);
    const observed = result.kind === 'done' ? await runtime.read(now.generation, touched) : undefined;
    if (observed === undefined || verify(observed, { touched, target }, pathMatch).length > 0) {
      doubt();
      return 0;
    }
    if (!isInterrupted()) kept = { ...now, running: target, without: leavers.now() };
    return commands.length;
  }

  function doubtful(detail: string, because: 'doubt' | 'drift' = 'doubt'): Carried {
    doubt();
    return { kind: 'doubt', because, detail };
  }

  function doubt(): void {
    certificates.doubt();
    suspend(kept?.running ?? kept?.perhaps);
  }

  /** Nothing is certain for now; `perhaps` runs. */
  function suspend(perhaps: RoutingTable | undefined): void {
    if (kept !== undefined) kept = { ...kept, running: undefined, wanted: undefined, perhaps };
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
    doubt() {
      interrupt();
      doubt();
    },
    loaded(table, parts, generation) {
      interrupt();
      certificates.loaded(generation, parts.certificates);
      kept = justLoaded(table, parts, generation);
    },
    async isDue() {
      if (kept === undefined || (kept.running !== undefined && leavers.are(kept.without))) return false;
      return (await runtime.tier()) !== 'D';
    },
    places: () => kept?.placement.places ?? OWN_PLACES.places,
  };
}
