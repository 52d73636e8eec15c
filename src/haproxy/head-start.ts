import type { Generation } from '../core/config.ts';
import type { HeadStart, Spawned } from './context.ts';
import { spawnMaster } from './launch.ts';
import { findByMasterSocket, signalAll, waitUntilGone } from './processes.ts';

/** Nothing is spawned yet. */
export function createHeadStart(): HeadStart {
  let over = false;
  let begun: { readonly generation: Generation; readonly spawned: Spawned } | undefined;

  return {
    async begin(context, generation) {
      if (over || context.mode === 'external' || context.ended.aborted) return;
      over = true;
      const { generations, paths } = context;
      const { current, lastGood } = await generations.pointers();
      if (current !== undefined || lastGood !== undefined) return;
      if ((await findByMasterSocket(paths.masterSocket)).length > 0) return;
      if (!(await generations.point('current', generation)).ok) return;
      const spawned = await spawnMaster(context);
      if (spawned.ok) begun = { generation, spawned: spawned.value };
      else await generations.point('current', undefined);
    },
    has: (generation) => begun?.generation === generation,
    take(generation) {
      if (begun === undefined || begun.generation !== generation) return undefined;
      const { spawned } = begun;
      begun = undefined;
      return spawned;
    },
    async cancel({ paths, clock, timings, generations }) {
      if (begun === undefined) return;
      begun = undefined;
      const left = await findByMasterSocket(paths.masterSocket);
      await signalAll(left, 'SIGKILL');
      await waitUntilGone(left, timings.terminate, clock, timings.poll);
      await generations.point('current', undefined);
    },
  };
}
