import type { RenderedConfig } from '../core/config.ts';
import type { HaproxyView, Observed } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { CliFailure } from './cli-connection.ts';
import type { HaproxyContext } from './context.ts';
import { type ProcessTable, showProcesses } from './master.ts';
import { ownMemory } from './processes.ts';
import { capabilities } from './version.ts';
import { probeThroughMaster, probeWorker, type WorkerAnswer } from './worker-probe.ts';

/** What the two sockets showed at one moment; absent: no answer. */
export interface Sight {
  readonly worker?: WorkerAnswer;
  readonly master?: ProcessTable;
  /** Nobody listens on these sockets; a worker may have answered through its master all the same. */
  readonly refused: { readonly worker: boolean; readonly master: boolean };
  /** Why there is no answer of the worker. */
  readonly reason: string;
}

/** How often a look is repeated while master and worker do not agree on who serves (a reload is going on). */
const LOOKS_DURING_RELOAD = 25;

/** Asks worker and master, each on a fresh connection. */
export async function look(context: HaproxyContext): Promise<Sight> {
  const { paths, timings, clock, ended } = context;
  for (let left = LOOKS_DURING_RELOAD; ; left -= 1) {
    const [direct, master] = await Promise.all([
      probeWorker(paths.runtimeSocket, timings.answer),
      showProcesses(paths.masterSocket, timings.answer),
    ]);
    const refused = { worker: isRefused(direct), master: isRefused(master) };
    const inCharge = master.ok ? master.value.workerPid : undefined;
    const worker =
      refused.worker && inCharge !== undefined
        ? await probeThroughMaster(paths.masterSocket, inCharge, timings.answer)
        : direct;
    const agreed = !worker.ok || inCharge === undefined || inCharge === worker.value.pid;
    if (agreed || left <= 0) {
      return {
        ...(worker.ok ? { worker: worker.value } : {}),
        ...(master.ok ? { master: master.value } : {}),
        refused,
        reason: worker.ok ? '' : worker.failure.detail,
      };
    }
    await clock.sleep(timings.poll, ended);
  }
}

const isRefused = (answer: Result<unknown, CliFailure>): boolean => !answer.ok && answer.failure.kind === 'refused';

/** Memory is told in steps of this many bytes: it changes all the time, and nobody asks for more. */
const MEMORY_STEP = 1024 * 1024;

/** What is known of HAProxy at this sight. */
export async function viewOf(sight: Sight, mode: HaproxyContext['mode']): Promise<HaproxyView> {
  const { worker, master } = sight;
  const workerPid = worker?.pid ?? master?.workerPid;
  // The pids of another container's processes are somebody else's here.
  const memory = mode === 'managed' && master ? await ownMemory(master.oldWorkers) : undefined;
  return {
    up: worker !== undefined,
    mode,
    oldWorkers: master?.oldWorkers.length ?? 0,
    ...(memory === undefined ? {} : { oldWorkersMemory: Math.ceil(memory / MEMORY_STEP) * MEMORY_STEP }),
    ...(worker ? capabilities(worker.version, true) : {}),
    ...(worker?.generation === undefined ? {} : { generation: worker.generation }),
    ...(workerPid === undefined ? {} : { workerPid }),
    ...(master ? { masterPid: master.masterPid, reloads: master.reloads } : {}),
  };
}

/** Looks up the files of the generation that a worker runs. */
export async function observeWorker(context: HaproxyContext, worker: WorkerAnswer): Promise<Observed> {
  const { generation } = worker;
  if (generation === undefined)
    return { known: false, reason: 'the worker runs a configuration that Portolan did not write' };
  const loaded = await context.generations.config(generation);
  if (loaded.ok) {
    const followed = await context.generations.following(generation);
    return followed === undefined
      ? { known: true, generation, config: loaded.value }
      : { known: true, generation, config: followed, loaded: loaded.value };
  }
  const { failure } = loaded;
  switch (failure.is) {
    case 'newer':
      return { known: false, reason: `generation ${generation} was written by a newer Portolan` };
    case 'damaged':
      return { known: false, reason: `generation ${generation} is damaged: ${failure.reason}` };
    case 'unfinished':
      return { known: false, reason: `generation ${generation} is not on this disk` };
  }
}

/** The configuration of an observation, if it is known. */
export const knownConfig = (observed: Observed): { readonly config?: RenderedConfig } =>
  observed.known ? { config: observed.config } : {};
