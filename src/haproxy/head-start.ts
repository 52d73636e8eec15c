import type { Generation } from '../core/config.ts';
import type { HaproxyContext } from './context.ts';
import { type Spawned, spawnMaster } from './launch.ts';
import { findByMasterSocket, signalAll, waitUntilGone } from './processes.ts';

/**
 * The very first start of HAProxy, begun while its configuration is still being checked: nothing is served yet that a refusal
 * could harm, and HAProxy refuses by itself what `haproxy -c` refuses, before it binds anything. At 10,000 backends that is
 * half a second of a second core.
 */
export interface HeadStart {
  /** Spawns HAProxy with this generation, where there never was one; at most once, whatever becomes of it. */
  begin(context: HaproxyContext, generation: Generation): Promise<void>;
  /** True while HAProxy was spawned with this generation and nobody has taken it. */
  has(generation: Generation): boolean;
  /** Hands over what was spawned: whoever takes it waits for it and looks after it. */
  take(generation: Generation | undefined): Spawned | undefined;
  /** Ends what was spawned and not taken. Nothing of it is left, and `current` leads nowhere again. */
  cancel(context: HaproxyContext): Promise<void>;
}

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
