import type { HaproxyContext } from './context.ts';
import { isStopped, type ProcessIdentity, sendSignal } from './processes.ts';

/**
 * Continues those of these processes that somebody has stopped: connections wait in the kernel meanwhile, and none is lost. Gives
 * how many.
 */
export function continueStopped(context: HaproxyContext, processes: readonly ProcessIdentity[]): number {
  let continued = 0;
  for (const each of processes) {
    if (!isStopped(each) || !sendSignal(each.pid, 'SIGCONT')) continue;
    continued += 1;
    const detail = `process ${each.pid} was stopped, and was told to continue`;
    context.emit({ type: 'haproxy-cured', cure: 'continued', pid: each.pid, detail });
  }
  return continued;
}

/** Watches for stopped processes until the adapter ends; beside everything else, also while a reload waits for one of them. */
export async function watchForStopped(
  context: HaproxyContext,
  watched: () => readonly ProcessIdentity[],
): Promise<void> {
  const { clock, timings, ended } = context;
  while (!ended.aborted) {
    await clock.sleep(timings.stoppedEvery, ended);
    if (!ended.aborted) continueStopped(context, watched());
  }
}
