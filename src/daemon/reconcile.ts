import type { Instant } from '../core/app.ts';
import type { TemplateFailure } from '../core/config.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { ApplyPlan } from '../core/plan.ts';
import { planReload } from '../core/plan.ts';
import type { PassCause } from '../core/ports.ts';
import { unreachable } from '../core/result.ts';
import type { Proven } from './candidates.ts';
import { createDecisions } from './decisions.ts';
import type { Scope } from './hints.ts';
import type { Inputs } from './inputs.ts';
import { sameInputs } from './inputs.ts';
import type { Draft } from './isolate.ts';
import { earliest } from './keeper.ts';
import { createKept } from './kept.ts';
import type { Left } from './lane.ts';
import type { Decided, EndedPass, Pass, PassDeps, PassOutcome, Reconciler } from './pass.ts';

/** A reconciler that has seen nothing yet. */
export function createReconciler(deps: PassDeps): Reconciler {
  const { clock, emit, place } = deps;
  const { running, newest, memory, quarantine, listeners, renderer, owners, ...more } = createKept(deps);
  const { lane, carrier, disk, candidates, budget, reopening, keepers } = more;
  const { render, parts } = renderer;
  const { decide } = createDecisions({
    ...deps,
    owners,
    running,
    quarantine,
    listeners,
    fixed: (inputs) => parts(renderInputs(inputs))?.fixed,
    render: (table, inputs) => render(table, renderInputs(inputs)),
    told: () => keepers.map((keeper) => keeper.problems?.() ?? []),
  });
  /** Inputs of the last pass that ended with desired = running: the same ones again need no work. */
  let settled: { readonly inputs: Inputs; readonly digest: string } | undefined;
  /** Tasks are being taken out, one after the other; this is over when none is left. */
  let lastLeave: Promise<unknown> = Promise.resolve();

  async function pass(cause: PassCause, signal: AbortSignal, reloadFrom: Instant): Promise<EndedPass> {
    const startedAt = clock.now();
    emit({ type: 'pass-started', cause });
    const refetch = await newest.fetch(cause.scope, signal);
    // Requests still go to tasks that end: computing has to wait for the commands that take them out.
    await lastLeave;
    const fetchedAt = clock.now();
    const answered = await running.look(cause.scope === 'all');
    const outcome = await goOn(refetch, answered, { cause, signal, reloadFrom });
    memory.save();
    const told = outcome.kind === 'carried' ? 'applied' : outcome.kind;
    emit({ type: 'pass-finished', outcome: told, ms: clock.now() - startedAt });
    return { ...outcome, workMs: clock.now() - fetchedAt };
  }

  /** Tells the source what it cannot read anywhere, before any event does. */
  async function resume(): Promise<void> {
    if (deps.source.resume !== undefined) deps.source.resume((await memory.get()).outOfTouch);
  }

  /** With an older snapshot too: templates, certificates and HAProxy itself change while Marathon is away. */
  async function goOn(refetch: Scope, answered: boolean, asked: Omit<Pass, 'inputs'>): Promise<PassOutcome> {
    if (asked.signal.aborted) return { kind: 'failed', at: 'stopped', refetch };
    if (!answered) {
      reopening.putOff();
      return { kind: 'failed', at: 'observe', refetch };
    }
    const snapshot = newest.judge(asked.signal);
    if (snapshot === undefined) await disk.holding(() => reopening.reopen(asked));
    else reopening.over();
    const until = newest.waits();
    if (until !== undefined && refetch.length === 0) return { kind: 'waiting', refetch, until };
    if (snapshot === undefined) return { kind: 'failed', at: 'snapshot', refetch };
    const inputs = { snapshot, templates: deps.files.templates(), certificates: deps.files.certificates() };
    const outcome = await converge({ ...asked, inputs });
    if (outcome.kind === 'failed' || outcome.kind === 'waiting') return { ...outcome, refetch };
    const missing = refetch === 'all' || refetch.length > 0;
    return missing ? { kind: 'failed', at: 'snapshot', refetch } : outcome;
  }

  /** Build, render, plan, validate, apply. */
  async function converge(pass: Pass): Promise<PassOutcome> {
    const { templates, certificates } = pass.inputs;
    const released = quarantine.review(templates, certificates);
    const same = settled !== undefined && sameInputs(settled.inputs, pass.inputs) && running.runs(settled.digest);
    const due = released || keepers.some((keeper) => keeper.isDue?.());
    if (same && !due && !(await lane.isDue())) return { kind: 'unchanged' };
    settled = undefined;
    return bring(pass);
  }

  async function bring(pass: Pass): Promise<PassOutcome> {
    const decided = await decide(pass.inputs);
    if (!decided.ok) return renderFailed(decided.failure);
    const { value } = decided;
    const freeFrom = listeners.nowhere(value.table);
    if (freeFrom !== undefined) return { kind: 'waiting', refetch: [], until: freeFrom };
    const judged = candidates.isDoubtful(value) ? await candidates.judge(pass, value, false) : undefined;
    if (judged?.kind === 'again') return decideAgain(pass, value);
    if (judged !== undefined && judged.kind !== 'proven') {
      memory.keep(value.memory.after);
      if (pass.signal.aborted) return { kind: 'failed', at: 'stopped', refetch: [] };
      if (quarantine.isTrying()) {
        quarantine.putOff();
        return decideAgain(pass, value);
      }
    }
    let { plan } = value;
    if (running.worker() !== undefined) {
      const { inputs, cause } = pass;
      const carried = await carrier.carry(value, () => parts(renderInputs(inputs)), cause);
      carrier.tellSpares();
      if (carried.kind === 'carried') disk.behind(value.config, acceptable(inputs, value));
      // What was refused on disk, and is found valid after all, is to be written.
      const untold = judged !== undefined && disk.isBehind();
      if (carried.kind !== 'reload') return settle(inputs, value, untold ? 'carried' : carried.kind);
      plan = planReload(carried.reasons);
    } else if (plan.reload.length === 0) return settle(pass.inputs, value, 'unchanged');
    if (judged?.kind === 'ended') return judged.outcome;
    const until = await budget.waits(plan, pass.reloadFrom);
    if (until !== undefined) return { kind: 'waiting', refetch: [], until };
    emit({ type: 'reload-needed', plan });
    return prove(pass, { ...value, plan });
  }

  /** From what was remembered before: what is not going to be loaded must not have dealt places. */
  function decideAgain(pass: Pass, { memory: { before } }: Decided): Promise<PassOutcome> {
    memory.keep(before);
    return disk.holding(() => bring(pass));
  }

  /** What was found is put right by the next pass, though nobody changed what it starts from. */
  async function compare(signal: AbortSignal): Promise<boolean> {
    const otherwise = await carrier.compare(signal);
    if (otherwise) settled = undefined;
    return otherwise;
  }

  async function leave(leaving: readonly LeavingTask[]): Promise<Left> {
    const left = lane.leave(leaving);
    lastLeave = left.catch(() => undefined);
    return left;
  }

  const renderInputs = (inputs: Inputs) => ({ ...inputs, settings: listeners.settings(), place, spares: deps.spares });

  async function prove(pass: Pass, decided: Decided): Promise<PassOutcome> {
    const judged = await candidates.judge(pass, decided, true);
    switch (judged.kind) {
      case 'proven':
        return apply(pass, decided.plan, judged.proven);
      case 'ended':
        memory.keep(decided.memory.after);
        return judged.outcome;
      case 'render-failed':
        return renderFailed(judged.failure);
      case 'again':
        return decideAgain(pass, decided);
      default:
        return unreachable(judged);
    }
  }

  /** Not aborted once begun. Whatever comes of it, what worked last keeps serving. */
  async function apply(pass: Pass, plan: ApplyPlan, { draft, candidate, ms }: Proven): Promise<PassOutcome> {
    const { inputs, cause, signal } = pass;
    if (candidate === undefined) return settle(inputs, draft, 'unchanged');
    emit({ type: 'validated', generation: candidate.generation, ms, warnings: candidate.warnings });
    if (signal.aborted) return { kind: 'failed', at: 'stopped', refetch: [] };
    const failure = await disk.holding(() => running.apply({ candidate, draft, plan, cause }));
    const loaded = failure === undefined ? running.worker() : undefined;
    const said = loaded === undefined ? undefined : parts(renderInputs(inputs));
    if (loaded !== undefined && said !== undefined) lane.loaded(draft.table, said, loaded.generation);
    else lane.doubt();
    // A task that leaves is in the table, and would get requests again until the next pass.
    if (loaded !== undefined && (await lane.isDue())) await carrier.follow(draft.table, () => said, loaded);
    carrier.tellSpares();
    if (failure !== undefined) return candidates.notLoaded(draft.config, failure);
    budget.reloaded();
    disk.caughtUp();
    candidates.loaded();
    return settle(inputs, draft, 'applied');
  }

  function settle(inputs: Inputs, draft: Draft, kind: 'unchanged' | 'applied' | 'carried'): PassOutcome {
    settled = { inputs, digest: draft.config.digest };
    renderer.accepted(inputs.templates);
    running.confirm(draft.table);
    if (candidates.hasProven(draft.config) || !disk.isBehind()) quarantine.accept(acceptable(inputs, draft));
    return { kind };
  }

  const acceptable = ({ snapshot }: Inputs, { table }: Draft) => ({ snapshot: snapshot.value, table });

  function renderFailed(failure: TemplateFailure): PassOutcome {
    emit({ type: 'render-failed', failure });
    return { kind: 'failed', at: 'render', refetch: [] };
  }

  return {
    async start() {
      await Promise.all([quarantine.load(), running.start(), resume()]);
    },
    pass,
    compare,
    wake: () => earliest(keepers.map((keeper) => keeper.wake?.())),
    async tend(signal) {
      await Promise.all(keepers.map((keeper) => keeper.tend?.(signal)));
    },
    follow: disk.follow,
    async close() {
      await Promise.all([memory.flush(), deps.goodApps.flush()]);
    },
    leave,
    places: lane.places,
    doubt: () => {
      running.doubt();
      lane.doubt();
    },
    suspect: running.suspect,
    removed: newest.removed,
    accept: newest.accept,
    claims: owners.claims,
  };
}
