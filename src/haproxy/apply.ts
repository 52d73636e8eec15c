import type { Generation } from '../core/config.ts';
import type { ApplyResult, Candidate, HaproxyFailure } from '../core/ports.ts';
import { unreachable } from '../core/result.ts';
import type { HaproxyContext } from './context.ts';
import { closedPorts } from './listener-probe.ts';
import { type ProcessTable, showProcesses } from './master.ts';
import { findByMasterSocket } from './processes.ts';
import { reloadAndConfirm } from './reload.ts';
import { clearServerState, sanitiseState, writeServerState } from './server-state.ts';
import { look, type Sight } from './sight.ts';
import type { StoredGeneration } from './stored-generation.ts';
import type { Supervision } from './supervision.ts';
import { askWorker } from './worker-probe.ts';

/**
 * Makes HAProxy run a candidate: the only place that changes a running HAProxy. Whatever happens, `current` leads to
 * what serves when this returns, so that a restart by anyone brings back the same.
 */
export async function applyCandidate(
  context: HaproxyContext,
  supervision: Supervision,
  candidate: Candidate,
): Promise<ApplyResult> {
  const { generation } = candidate;
  const stored = await context.generations.read(generation);
  if (stored.is !== 'whole') {
    const detail = `generation ${generation} cannot be applied: ${stored.is === 'damaged' ? stored.reason : stored.is}`;
    return rejected({ kind: 'disk', detail }, (await look(context)).worker?.generation);
  }
  if (context.headStart.has(generation)) return startWith(context, supervision, generation);
  const sight = await look(context);
  const gone = sight.refused.worker && sight.refused.master;
  const unreached = gone ? await supervision.known.master() : undefined;
  if (sight.worker || unreached) return reload(context, supervision, generation, stored, sight, unreached);
  if (context.mode === 'external') return awaitExternal(context, supervision, generation);
  // One that exists but does not answer may well serve: it is not for a change of the routing to end it.
  if ((await findByMasterSocket(context.paths.masterSocket)).length > 0)
    return rejected({ kind: 'socket', detail: `HAProxy runs but does not answer: ${sight.reason}` }, undefined);
  return startWith(context, supervision, generation);
}

async function reload(
  context: HaproxyContext,
  supervision: Supervision,
  generation: Generation,
  stored: StoredGeneration & { readonly is: 'whole' },
  sight: Sight,
  unreached: ProcessTable | undefined,
): Promise<ApplyResult> {
  const { generations, clock, paths } = context;
  const began = clock.now();
  const serving = sight.worker ? sight.worker.generation : supervision.known.generation();
  const master = sight.master ?? unreached ?? (sight.refused.master ? await supervision.known.master() : undefined);
  if (!master) return rejected({ kind: 'socket', detail: 'the HAProxy master does not answer its socket' }, serving);
  await saveServerState(context, stored.files.get('haproxy.cfg') ?? '');
  const followed = serving !== undefined && (await generations.following(serving)) !== undefined;
  const { current } = await generations.pointers();
  const published = await generations.point('current', generation);
  if (!published.ok) return rejected(published.failure, serving);
  const outcome = await reloadAndConfirm(context, generation, master, sight.master ? 'socket' : 'signal');
  if (outcome.is === 'confirmed') await openListeners(context, generation, stored, outcome.worker.pid);
  await clearServerState(paths.serverState);
  if (outcome.is === 'confirmed') {
    context.patience.took(clock.now() - began);
    await generations.confirm(generation);
    await supervision.reloaded(await look(context));
    return { kind: 'applied', generation, via: 'reload', ms: clock.now() - began };
  }
  await generations.mark(generation, 'rejected');
  await pointBack(context, serving, followed ? current : undefined);
  switch (outcome.is) {
    case 'failed': {
      const detail =
        outcome.diagnostics.find(({ severity }) => severity === 'alert')?.message ?? 'HAProxy did not say why';
      await supervision.reloaded(await look(context));
      return rejected({ kind: 'reload-failed', detail, diagnostics: outcome.diagnostics }, serving);
    }
    case 'master-gone':
      return revived(supervision, {
        kind: 'reload-failed',
        detail: 'the HAProxy master ended while reloading',
        diagnostics: [],
      });
    case 'unconfirmed': {
      const { detail, found } = outcome;
      const after = (await look(context)).worker?.generation ?? found;
      const failure: HaproxyFailure = {
        kind: 'not-confirmed',
        detail,
        expected: generation,
        ...(after === undefined ? {} : { found: after }),
      };
      return after !== undefined && after === serving ? rejected(failure, serving) : { kind: 'uncertain', failure };
    }
    default:
      return unreachable(outcome);
  }
}

/**
 * A new bind that excludes one of the old worker's (`*:P` for `10.0.0.1:P`) makes 2.6 to 3.2 pause every listener of the old worker.
 * Those that both have are one socket each, and stay closed with the new worker, whoever's they are. Another reload opens them.
 */
async function openListeners(
  context: HaproxyContext,
  generation: Generation,
  { files }: StoredGeneration & { readonly is: 'whole' },
  workerPid: number,
): Promise<void> {
  const { mode, paths, timings, emit } = context;
  const haproxyCfg = files.get('haproxy.cfg') ?? '';
  // Another container's listeners cannot be seen from here.
  const closed = mode === 'managed' ? await closedPorts(haproxyCfg) : [];
  if (closed.length === 0) return;
  const table = await showProcesses(paths.masterSocket, timings.answer);
  if (!table.ok) return;
  emit({
    type: 'runtime-doubt',
    detail: `a reload left ports ${closed.slice(0, 5).join(', ')} closed; HAProxy is reloaded again`,
  });
  await saveServerState(context, haproxyCfg);
  await reloadAndConfirm(context, generation, table.value, 'socket', workerPid);
}

/** Tells the next worker what the checks of this one have found out. Unread: then it has to find out by itself. */
async function saveServerState(context: HaproxyContext, haproxyCfg: string): Promise<void> {
  const { paths, timings } = context;
  const state = await askWorker(paths, 'show servers state', timings.longAnswer);
  if (state.ok) await writeServerState(paths.serverState, sanitiseState(state.value, haproxyCfg));
  else await clearServerState(paths.serverState);
}

/** `current` leads to what serves (`before`, when that is where its worker was brought), or to what was last known to serve. */
async function pointBack(
  context: HaproxyContext,
  serving: Generation | undefined,
  before: Generation | undefined,
): Promise<void> {
  const { generations } = context;
  if (before !== undefined) {
    await generations.point('current', before);
    return;
  }
  const { lastGood } = await generations.pointers();
  const onDisk = serving !== undefined && (await generations.read(serving)).is !== 'unfinished';
  const target = onDisk ? serving : lastGood;
  if (target !== undefined) await generations.point('current', target);
}

async function startWith(
  context: HaproxyContext,
  supervision: Supervision,
  generation: Generation,
): Promise<ApplyResult> {
  const began = context.clock.now();
  const started = await supervision.start(generation, 'started');
  if (started.ok) {
    const serving = started.value.known ? started.value.generation : undefined;
    if (serving === undefined || serving === generation)
      return { kind: 'applied', generation, via: 'start', ms: context.clock.now() - began };
    const detail = `generation ${generation} lost an address to somebody else just now; all others serve`;
    return rejected({ kind: 'start-failed', detail }, serving);
  }
  await context.generations.mark(generation, 'rejected');
  return revived(supervision, started.failure);
}

/** HAProxy is gone: what served before is started again, and the candidate is not what serves. */
async function revived(supervision: Supervision, failure: HaproxyFailure): Promise<ApplyResult> {
  const back = await supervision.revive('restarted');
  return rejected(failure, back.ok && back.value?.known ? back.value.generation : undefined);
}

/** Somebody else starts HAProxy, from `current`: so that must be there first. */
async function awaitExternal(
  context: HaproxyContext,
  supervision: Supervision,
  generation: Generation,
): Promise<ApplyResult> {
  const { generations, clock, timings, ended } = context;
  const began = clock.now();
  const published = await generations.point('current', generation);
  if (!published.ok) return rejected(published.failure, undefined);
  const until = began + timings.appear;
  while (clock.now() < until && !ended.aborted) {
    const sight = await look(context);
    if (sight.worker) {
      await supervision.adopt({ ...sight, worker: sight.worker }, 'started');
      if (sight.worker.generation === generation)
        return { kind: 'applied', generation, via: 'start', ms: clock.now() - began };
      break;
    }
    await clock.sleep(timings.poll, ended);
  }
  const detail = `generation ${generation} is published, but no HAProxy that runs it has appeared on ${context.paths.runtimeSocket}`;
  return { kind: 'uncertain', failure: { kind: 'not-running', detail } };
}

function rejected(failure: HaproxyFailure, serving: Generation | undefined): ApplyResult {
  return { kind: 'rejected', failure, ...(serving === undefined ? {} : { serving }) };
}
