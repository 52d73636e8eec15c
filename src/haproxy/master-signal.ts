import type { HaproxyContext } from './context.ts';
import { handlesSigusr2, identify, sendSignal } from './processes.ts';

/**
 * Tells a master whose socket is gone to reload: it reads what `current` leads to, and makes its socket anew (2.6 to 3.2).
 * @returns false when it cannot be told
 */
export async function signalReload(context: HaproxyContext, masterPid: number): Promise<boolean> {
  const { clock, timings, ended, emit } = context;
  const until = clock.now() + timings.refused;
  while (clock.now() < until && !ended.aborted) {
    const master = await identify(masterPid);
    if (master === undefined) return false;
    // While it executes itself anew the signal would end it, and every request with it.
    if (await handlesSigusr2(master)) {
      if (!sendSignal(masterPid, 'SIGUSR2')) return false;
      const detail = `the socket of master ${masterPid} is gone; it was told to reload by a signal`;
      emit({ type: 'haproxy-cured', cure: 'master-signalled', pid: masterPid, detail });
      return true;
    }
    await clock.sleep(timings.poll, ended);
  }
  return false;
}
