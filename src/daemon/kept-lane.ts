import { eitherTable } from '../core/either-table.ts';
import { createServing, createTakeOut } from '../core/fast-lane.ts';
import type { PathMatch } from '../core/path-match.ts';
import { OWN_PLACES } from '../core/placement.ts';
import type { Clock } from '../core/ports.ts';
import type { CertificateNeed } from '../core/reload-need.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { HaproxyRuntime, LeftPlace, Tier } from '../core/runtime.ts';
import { type Difference, formatDifference, verify } from '../core/runtime-difference.ts';
import { createSpareCounter } from '../core/spare-counts.ts';
import { createKeptCertificates } from './kept-certificates.ts';
import { adopted, justLoaded, proven } from './kept-worker.ts';
import type { Carried, Kept, KeptLane, LaneParts, LaneWorker } from './lane.ts';
import { createComparison } from './lane-comparison.ts';
import { createLeave } from './lane-leave.ts';
import { createLanePlans, type LanePlan } from './lane-plans.ts';
import { createLeavers } from './leavers.ts';
import type { Timings } from './timings.ts';
import { createTurns } from './turns.ts';

const NOTHING: readonly never[] = [];

/** Backends learnt in one turn of the event loop: 3 ms. */
const AT_ONCE = 500;

/** How paths are matched, and two of the daemon's timings. */
type LaneOptions = { readonly pathMatch: PathMatch } & Pick<Timings, 'leavingMs' | 'comparePauseMs'>;

const wrongCertificate = ({ certificate }: CertificateNeed) => ({ what: 'certificate-wrong', certificate }) as const;

/** A lane that knows nothing yet. */
export function createKeptLane(
  runtime: HaproxyRuntime,
  clock: Clock,
  { pathMatch, leavingMs, comparePauseMs }: LaneOptions,
): KeptLane {
  const countSpares = createSpareCounter();
  const certificates = createKeptCertificates(runtime.certificates);
  let kept: Kept | undefined;
  const serving = createServing();
  const takeOut = createTakeOut(serving);
  const leavers = createLeavers(clock, leavingMs, takeOut);
  const plans = createLanePlans({ runtime, leavers, pathMatch });
  const { inTurn, interrupt, isInterrupted } = createTurns();

  async function carry(
    table: RoutingTable,
    partsOf: () => LaneParts | undefined,
    worker: LaneWorker,
  ): Promise<Carried> {
    const tier = await runtime.tier();
    const parts = tier === 'D' ? undefined : partsOf();
    if (parts === undefined)
      return { kind: 'reload', needs: [{ because: 'no-runtime' }], drift: NOTHING, unrepaired: NOTHING };
    const now = kept?.generation === worker.generation ? kept : adopted(worker);
    kept = now;
    const goal = { table, parts, tier };
    const { running } = now;
    const planned = await (running === undefined ? plans.repair(now, goal) : plans.change({ ...now, running }, goal));
    return planned.ok ? carryOut(planned.value, tier) : doubtful(planned.failure);
  }

  /** Sends the commands, and proves by reading what they touched. */
  async function carryOut({ next, plan, found }: LanePlan, tier: Tier): Promise<Carried> {
    const { generation } = next;
    const { drift, uncertain, unrepaired } = found;
    const carried = await certificates.carry(next, plan.target.services);
    let left: readonly LeftPlace[] = NOTHING;
    if (isInterrupted()) return overtaken(drift);
    if (plan.commands.length > 0) {
      // Nothing is certain until it was read back, whatever ends this on the way.
      suspend(eitherTable(plan.target, next.running ?? next.perhaps));
      const result = await runtime.run(generation, plan.commands, plan.touched);
      if (result.kind === 'refused')
        return doubtful(`${JSON.stringify(result.command.do)} was refused: ${result.reply}`, drift, 'drift');
      if (result.kind === 'doubt') return doubtful(result.detail, drift);
      left = result.left;
      const observed = result.observed ?? (await runtime.read(generation, plan.touched));
      if (observed === undefined) return doubtful('what was changed could not be read back', drift);
      const [wrong] = verify(observed, plan, pathMatch);
      if (wrong !== undefined) return doubtful(`after the commands ${formatDifference(wrong)}`, drift, 'drift');
    }
    if (isInterrupted()) return overtaken(drift);
    kept = proven(next, plan, { tier, left, without: leavers.now() });
    const needs = [...plan.needs, ...carried.needs];
    return needs.length > 0
      ? { kind: 'reload', needs, drift, unrepaired: [...unrepaired, ...carried.needs.map(wrongCertificate)] }
      : { kind: 'carried', commands: [...carried.commands, ...plan.commands], drift, uncertain };
  }

  const overtaken = (drift: readonly Difference[]): Carried => ({
    kind: 'doubt',
    because: 'doubt',
    detail: 'what runs was doubted, or loaded, meanwhile',
    drift,
  });

  function doubtful(
    detail: string,
    drift: readonly Difference[] = NOTHING,
    because: 'doubt' | 'drift' = 'doubt',
  ): Carried {
    doubt();
    return { kind: 'doubt', because, detail, drift };
  }

  function doubt(): void {
    certificates.doubt();
    suspend(kept?.running ?? kept?.perhaps);
  }

  /** Nothing is certain for now; `perhaps` runs. */
  function suspend(perhaps: RoutingTable | undefined): void {
    if (kept !== undefined) kept = { ...kept, running: undefined, wanted: undefined, perhaps };
  }

  const keep = (now: Kept): void => {
    kept = now;
  };

  const leave = createLeave({ runtime, leavers, takeOut, pathMatch, kept: () => kept, keep, doubt, isInterrupted });

  /** The first event that a task leaves finds everything known that it asks for. */
  async function learn(): Promise<void> {
    while (kept?.running !== undefined && serving.learn(kept.running.backends, AT_ONCE))
      await clock.sleep(1, new AbortController().signal);
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
    keep,
  });

  return {
    async carry(...given) {
      const carried = await inTurn(() => carry(...given));
      void learn();
      return carried;
    },
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
      void learn();
    },
    async isDue() {
      if (kept === undefined || (kept.running !== undefined && kept.without === leavers.now())) return false;
      return (await runtime.tier()) !== 'D';
    },
    places: () => kept?.placement.places ?? OWN_PLACES.places,
  };
}
