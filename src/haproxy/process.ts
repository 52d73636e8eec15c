import type { Generation } from '../core/config.ts';
import { bindsText } from '../core/listened.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { BindAddress } from '../core/settings.ts';
import { withoutBinds } from '../core/without-binds.ts';
import type { HaproxyContext, Spawned } from './context.ts';
import { launch } from './launch.ts';
import { showProcesses } from './master.ts';
import { findByMasterSocket, identify, isAlive, type ProcessIdentity, signalAll, waitUntilGone } from './processes.ts';
import type { StartFailure } from './start-failure.ts';
import type { WorkerAnswer } from './worker-probe.ts';

/** How long workers of a dead master may take to notice it: they end by themselves, within milliseconds. */
const LEFTOVERS_END_BY_THEMSELVES_MS = 300;

/**
 * Starts HAProxy with the first generation of `order` that it starts with, after whatever is left of a former one was
 * ended: a worker without its master would keep the ports. `current` leads to the one started; if none starts, it
 * leads to where it led before, or is removed. Nothing, and nothing is touched, where there is none.
 */
export async function startFirstOf(
  context: HaproxyContext,
  order: StartOrder,
): Promise<Result<WorkerAnswer, StartFailure> | undefined> {
  const { generations, headStart } = context;
  const found = (await generations.pointers()).current;
  let current = found;
  let at = found;
  let first: StartFailure | undefined;
  for await (const generation of order) {
    let already: Spawned | undefined;
    if (first === undefined) {
      already = headStart.take(generation);
      // Of a head start `current` led nowhere before.
      if (already !== undefined) current = undefined;
      else await endLeftovers(context);
    }
    const pointed = at === generation ? ok(undefined) : await generations.point('current', generation);
    if (pointed.ok) at = generation;
    const launched = pointed.ok ? await launchLoaded(context, generation, already) : pointed;
    if (launched.ok) {
      await generations.confirm(launched.value.generation ?? generation);
      return launched;
    }
    const { kind, detail } = launched.failure;
    first ??= { kind, detail };
    if (context.ended.aborted) break;
  }
  if (first === undefined) return undefined;
  if (at !== current) await generations.point('current', current);
  return fail(first);
}

/** Generations to start with, the best one first. Each costs a look at all of its files: none is asked for that is not needed. */
export type StartOrder = Iterable<Generation> | AsyncIterable<Generation>;

/** A port that was stolen meanwhile is found at most this often during one start. */
const MOST_WITHOUT = 3;

/**
 * Starts a generation. One that somebody has taken an address from starts without that, as a generation of its own: it must not
 * keep everybody else down.
 */
async function launchLoaded(
  context: HaproxyContext,
  generation: Generation,
  already: Spawned | undefined,
): Promise<Result<WorkerAnswer, StartFailure>> {
  const { generations } = context;
  let launched = await launch(context, generation, already);
  const taken: BindAddress[] = [];
  for (let tries = 0; tries < MOST_WITHOUT && !launched.ok && !context.ended.aborted; tries += 1) {
    taken.push(...(launched.failure.unbound ?? []));
    const config = taken.length === 0 ? undefined : await generations.config(generation);
    const without = config?.ok ? withoutBinds(config.value, taken) : undefined;
    if (without === undefined) break;
    const written = await generations.write(without, `generation ${generation} without ${bindsText(taken)}`);
    if (!written.ok || !(await generations.point('current', written.value)).ok) break;
    launched = await launch(context, written.value);
  }
  if (!launched.ok && taken.length > 0) await generations.point('current', generation);
  return launched;
}

async function endLeftovers(context: HaproxyContext): Promise<void> {
  const { paths, clock, timings } = context;
  const gone = async (within: number): Promise<boolean> =>
    waitUntilGone(await findByMasterSocket(paths.masterSocket), within, clock, timings.poll);
  if (await gone(LEFTOVERS_END_BY_THEMSELVES_MS)) return;
  await signalAll(await findByMasterSocket(paths.masterSocket), 'SIGTERM');
  if (await gone(LEFTOVERS_END_BY_THEMSELVES_MS)) return;
  await signalAll(await findByMasterSocket(paths.masterSocket), 'SIGKILL');
  await gone(timings.terminate);
}

/** The master and worker that are watched. */
export interface Watched {
  readonly master: ProcessIdentity;
  readonly worker: ProcessIdentity;
}

/** The processes behind an answer of both sockets; `undefined` when they do not exist (any more). */
export async function identifyBoth(masterPid: number, workerPid: number): Promise<Watched | undefined> {
  const [master, worker] = await Promise.all([identify(masterPid), identify(workerPid)]);
  return master && worker ? { master, worker } : undefined;
}

/** Whether both still exist, or which one does not. */
export async function missing({ master, worker }: Watched): Promise<string | undefined> {
  if (!(await isAlive(master))) return `the master process (pid ${master.pid}) ended`;
  if (!(await isAlive(worker))) return `the worker process (pid ${worker.pid}) ended`;
  return undefined;
}

/**
 * Ends HAProxy: it stops listening and finishes its connections until the deadline, then is told to end, then killed.
 * Nothing of it is left when this returns.
 */
export async function drain(context: HaproxyContext): Promise<void> {
  const { paths, clock, timings } = context;
  const table = await showProcesses(paths.masterSocket, timings.answer);
  const all = await findByMasterSocket(paths.masterSocket);
  const master = table.ok ? all.filter(({ pid }) => pid === table.value.masterPid) : [];
  // SIGUSR1 to the master reaches every worker; without a master each worker is told itself.
  await signalAll(master.length > 0 ? master : all, 'SIGUSR1');
  if (await waitUntilGone(all, timings.drain, clock, timings.poll)) return;
  await signalAll(await findByMasterSocket(paths.masterSocket), 'SIGTERM');
  if (await waitUntilGone(all, timings.terminate, clock, timings.poll)) return;
  const left = await findByMasterSocket(paths.masterSocket);
  await signalAll(left, 'SIGKILL');
  await waitUntilGone(left, timings.terminate, clock, timings.poll);
}
