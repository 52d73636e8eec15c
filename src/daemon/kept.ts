import { createCandidates } from './candidates.ts';
import { createCarrier } from './carrier.ts';
import { createDiskFollower } from './disk-follower.ts';
import type { Keeper } from './keeper.ts';
import { createKeptBudget } from './kept-budget.ts';
import { createKeptLane } from './kept-lane.ts';
import { createKeptListeners } from './kept-listeners.ts';
import { createKeptMemory } from './kept-memory.ts';
import { createKeptOwners } from './kept-owners.ts';
import { createKeptQuarantine } from './kept-quarantine.ts';
import { createKeptRenderer } from './kept-renderer.ts';
import { createKeptRunning } from './kept-running.ts';
import { createKeptSnapshot } from './kept-snapshot.ts';
import type { PassDeps } from './pass.ts';
import { createReopening } from './reopening.ts';

/** Everything that one pass leaves to the next, wired together. */
export function createKept(deps: PassDeps) {
  const { clock, emit, settings } = deps;
  const running = createKeptRunning(deps);
  const newest = createKeptSnapshot({ ...deps, served: running.served });
  const memory = createKeptMemory(deps.memoryStore);
  const quarantine = createKeptQuarantine(deps);
  const listeners = createKeptListeners({
    ...deps,
    loaded: () => running.worker()?.loaded,
    published: () => running.worker()?.published,
  });
  const renderer = createKeptRenderer(deps.stages.createRenderer, emit);
  const owners = createKeptOwners({ ...deps, memory, served: running.served, isUnknown: running.isUnknown });
  const lane = createKeptLane(deps.haproxy.runtime, clock, { ...deps.timings, pathMatch: settings.pathMatch });
  const carrier = createCarrier({ ...deps, lane, running });
  const disk = createDiskFollower({
    ...deps,
    runs: running.runs,
    worker: running.worker,
    refused: (config) => candidates.doubt(config),
    publishing: running.publishes,
    accepted: quarantine.checked,
  });
  const candidates = createCandidates({
    ...deps,
    running,
    quarantine,
    refused: ({ inputs }, ...refused) => renderer.refused(inputs.templates, ...refused),
    alone: disk.holding,
  });
  const budget = createKeptBudget(deps);
  const reopening = createReopening({ ...deps, running, budget });
  /** Whoever holds something back, and looks at it again. */
  const keepers: readonly Keeper[] = [newest, quarantine, candidates, listeners, owners, reopening];
  return {
    running,
    newest,
    memory,
    quarantine,
    listeners,
    renderer,
    owners,
    lane,
    carrier,
    disk,
    candidates,
    budget,
    reopening,
    keepers,
  };
}
