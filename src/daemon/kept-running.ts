import { routeChanges } from '../core/changes.ts';
import type { Generation, RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ApplyPlan, Running } from '../core/plan.ts';
import type { ApplyResult, Candidate, Clock, Haproxy, HaproxyFailure, Observed, PassCause } from '../core/ports.ts';
import { unreachable } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Served } from '../core/served.ts';
import { servedBy } from '../core/served-config.ts';
import type { Draft } from './isolate.ts';
import type { LaneWorker } from './lane.ts';

/** What HAProxy runs, as far as it was proven. */
export interface KeptRunning {
  start(): Promise<void>;
  /** Asks HAProxy where there is doubt (`always`: in any case). False: it did not answer, ask again before anything is changed. */
  look(always: boolean): Promise<boolean>;
  /** For `planApply`. */
  value(): Running;
  /** A configuration of this digest is what runs. */
  runs(digest: string): boolean;
  /** Something runs that leads to backends. */
  serves(): boolean;
  /** What is routed by it; undefined while that is not known, or nothing runs. */
  served(): Served | undefined;
  /** Something may run, and it is not known what. */
  isUnknown(): boolean;
  /** The table of what runs, when it was made or confirmed in this life. */
  table(): RoutingTable | undefined;
  /** What runs is this table's. */
  confirm(table: RoutingTable): void;
  /** Makes HAProxy run a candidate; gives why it does not. Never aborted. */
  apply(attempt: Attempt): Promise<HaproxyFailure | undefined>;
  /** HAProxy was brought to a draft over its socket. */
  carried(draft: Draft, cause: PassCause, commands: number, ms: number): void;
  /** A copy of this digest is about to stand on the disk as what the worker runs; what it runs may have gone on since it was made. */
  publishes(digest: string): void;
  /** The worker in charge, as far as it is known. */
  worker(): LaneWorker | undefined;
  doubt(): void;
  /** Somebody saw a worker of this generation: doubt, unless it is the expected one. True when it is not. */
  suspect(generation: Generation): boolean;
}

/** A candidate on its way into HAProxy, and its story. */
interface Attempt {
  readonly candidate: Candidate;
  /** Without a table where it is not known what asks for all of it. */
  readonly draft: Pick<Draft, 'config'> & Partial<Pick<Draft, 'table'>>;
  readonly plan: ApplyPlan;
  readonly cause: PassCause;
}

interface Parts {
  readonly haproxy: Haproxy;
  readonly clock: Clock;
  readonly emit: (event: DaemonEventBody) => void;
}

type Kept = Running &
  (
    | { readonly known: false }
    | { readonly known: true; readonly generation: Generation; readonly loaded?: RenderedConfig }
  );

/** One unanswered question is bad luck; after this many in a row a reload makes what runs certain again. */
const MISSES_UNTIL_UNKNOWN = 2;

/** Copies that are remembered: one that failed leaves the one before it on the disk, and several in a row may fail. */
const COPIES = 8;

/** Nothing is known before `start`. */
export function createKeptRunning({ haproxy, clock, emit }: Parts): KeptRunning {
  let running: Kept = { known: false };
  let table: RoutingTable | undefined;
  let started = false;
  let doubted = false;
  let misses = 0;
  /** Given to HAProxy without a certain outcome. */
  let unconfirmed: Attempt | undefined;
  /** Digests of what the disk may show of this worker, oldest first. */
  let copies: readonly string[] = [];

  const nothingYet = (): boolean => !running.known && running.nothingYet === true;

  function took(now: Kept, of: RoutingTable | undefined): void {
    running = now;
    table = of;
    doubted = false;
    misses = 0;
    unconfirmed = undefined;
    copies = [];
  }

  async function start(): Promise<void> {
    const result = await haproxy.start();
    if (!result.ok) {
      running = { known: false };
      emit({ type: 'haproxy-down', reason: `${result.failure.kind}: ${result.failure.detail}` });
      return;
    }
    started = true;
    if (result.value === undefined) took({ known: false, nothingYet: true }, undefined);
    else if (result.value.known) took(result.value, undefined);
    else missed();
  }

  function missed(): void {
    misses += 1;
    doubted = true;
    if (misses >= MISSES_UNTIL_UNKNOWN) running = { known: false };
  }

  async function look(always: boolean): Promise<boolean> {
    if (!started) {
      await start();
      // A start that fails may be cured by a new configuration: go on and try that.
      if (!started) return true;
    }
    if (nothingYet() || (running.known && !doubted && !always)) return true;
    const observed = await haproxy.observe();
    if (observed.known) {
      await found(observed);
      return true;
    }
    missed();
    return misses >= MISSES_UNTIL_UNKNOWN;
  }

  /** What runs was read from the worker: the same as before, our own late success, or somebody else's doing. */
  async function found(observed: Extract<Observed, { readonly known: true }>): Promise<void> {
    const { generation, config } = observed;
    // What was changed over the socket is published a little later: until then the disk shows an earlier copy, or what was loaded.
    const { digest } = config;
    const older = running.known && ((running.loaded ?? running.config).digest === digest || copies.includes(digest));
    if (running.known && running.generation === generation && (running.config.digest === digest || older)) {
      doubted = false;
      misses = 0;
      return;
    }
    if (unconfirmed?.candidate.generation === generation) {
      succeeded(unconfirmed, { kind: 'applied', generation, via: 'reload', ms: 0 });
    } else {
      emit({ type: 'haproxy-up', haproxy: await haproxy.view(), config, how: 'adopted' });
      took(observed, undefined);
    }
  }

  function succeeded(attempt: Attempt, result: Extract<ApplyResult, { readonly kind: 'applied' }>): void {
    const { draft, plan, cause } = attempt;
    const { generation, via, ms: reloadMs } = result;
    const changes = draft.table === undefined ? [] : routeChanges(table, draft.table);
    const sinceCauseMs = Math.max(0, clock.now() - cause.since);
    took({ known: true, generation, config: draft.config }, draft.table);
    emit({ type: 'applied', generation, config: draft.config, plan, cause, via, reloadMs, sinceCauseMs, changes });
  }

  async function apply(attempt: Attempt): Promise<HaproxyFailure | undefined> {
    unconfirmed = attempt;
    const result = await haproxy.apply(attempt.candidate);
    switch (result.kind) {
      case 'applied':
        started = true;
        succeeded(attempt, result);
        emit({ type: 'haproxy-seen', haproxy: await haproxy.view() });
        return undefined;
      case 'rejected': {
        const { failure, serving } = result;
        unconfirmed = undefined;
        if (running.known ? running.generation !== serving : serving !== undefined) doubt();
        emit({ type: 'apply-failed', failure, ...(serving === undefined ? {} : { serving }) });
        return failure;
      }
      case 'uncertain':
        doubt();
        emit({ type: 'apply-failed', failure: result.failure });
        return result.failure;
      default:
        return unreachable(result);
    }
  }

  function carried(draft: Draft, cause: PassCause, commands: number, ms: number): void {
    if (!running.known) return;
    const { generation } = running;
    const loaded = running.loaded ?? running.config;
    const changes = routeChanges(table, draft.table);
    const sinceCauseMs = Math.max(0, clock.now() - cause.since);
    running = { known: true, generation, config: draft.config, loaded };
    table = draft.table;
    const plan: ApplyPlan = { reload: [] };
    emit({
      type: 'applied',
      generation,
      config: draft.config,
      plan,
      cause,
      via: 'runtime',
      reloadMs: ms,
      commands,
      sinceCauseMs,
      changes,
    });
  }

  function doubt(): void {
    doubted = true;
    if (nothingYet()) running = { known: false };
  }

  const configOf = (): RenderedConfig | undefined => (running.known ? running.config : undefined);
  return {
    start,
    look,
    value: () => running,
    runs: (digest) => !doubted && configOf()?.digest === digest,
    serves: () => {
      const config = configOf();
      return config !== undefined && servedBy(config).backends.size > 0;
    },
    served: () => {
      const config = configOf();
      return config === undefined ? undefined : servedBy(config);
    },
    isUnknown: () => !running.known && !nothingYet(),
    table: () => table,
    confirm: (of) => {
      table = of;
    },
    apply,
    carried,
    publishes(digest) {
      copies = [...copies, digest].slice(-COPIES);
    },
    worker: () =>
      running.known
        ? { generation: running.generation, loaded: running.loaded ?? running.config, published: running.config }
        : undefined,
    doubt,
    suspect(generation) {
      const other = running.known && running.generation !== generation;
      if (other) doubt();
      return other;
    },
  };
}
