import type { Generation } from '../core/config.ts';
import type { HaproxyContext } from './context.ts';
import type { KeptSockets } from './kept-sockets.ts';
import type { ProcessTable } from './master.ts';
import { identifyBoth, type Watched } from './process.ts';
import { findMaster, identify, type ProcessIdentity } from './processes.ts';
import type { Sight } from './sight.ts';

/** The processes of HAProxy as they were last seen. Of another container's nothing is known but what it said. */
export interface KnownProcesses {
  /** Takes note of an answer. */
  saw(sight: Sight): Promise<void>;
  /** The master and worker to watch. */
  watched(): Watched | undefined;
  /** They are gone. */
  forget(): void;
  /** Master, worker and the workers that finish the connections of former configurations. */
  all(): readonly ProcessIdentity[];
  /** What its worker was last seen to run. */
  generation(): Generation | undefined;
  /** The master of a HAProxy that runs and cannot be asked: as it was last seen, though its socket is gone. */
  master(): Promise<ProcessTable | undefined>;
}

/** Nothing was seen yet. */
export function createKnownProcesses(context: HaproxyContext, sockets: KeptSockets): KnownProcesses {
  const { mode, paths, generations } = context;
  let watched: Watched | undefined;
  let old: readonly ProcessIdentity[] = [];
  let table: ProcessTable | undefined;
  let generation: Generation | undefined;

  return {
    async saw({ worker, master, refused }) {
      const workerPid = worker?.pid ?? master?.workerPid;
      if (mode === 'managed' && master && workerPid !== undefined) {
        watched = await identifyBoth(master.masterPid, workerPid);
        const left = await Promise.all(master.oldWorkers.map(identify));
        old = left.filter((one) => one !== undefined);
      }
      if (master) table = master;
      if (worker) generation = worker.generation;
      if (worker?.generation !== undefined) generations.growBeyond(worker.generation);
      if (worker && master && !refused.worker) sockets.keep();
    },
    watched: () => watched,
    forget() {
      watched = undefined;
      old = [];
    },
    all: () => (watched ? [watched.master, watched.worker, ...old] : old),
    generation: () => generation,
    async master() {
      const master = mode === 'managed' ? await findMaster(paths.masterSocket) : undefined;
      if (!master) return undefined;
      if (table?.masterPid === master.pid) return table;
      return { masterPid: master.pid, reloads: 0, failed: 0, oldWorkers: [] };
    },
  };
}
