import type { HaproxyContext } from './context.ts';
import type { KeptSockets } from './kept-sockets.ts';
import { signalReload } from './master-signal.ts';
import { findByMasterSocket, findMaster } from './processes.ts';
import { look, type Sight } from './sight.ts';
import { continueStopped } from './stopped.ts';

/** Puts the names of sockets back that somebody has deleted, and tells of it. Gives how many. */
export function restoreSockets(
  context: HaproxyContext,
  sockets: KeptSockets,
  refusing: readonly string[] = [],
): number {
  const restored = sockets.restore(refusing);
  for (const path of restored)
    context.emit({ type: 'haproxy-cured', cure: 'socket-restored', detail: `${path} was gone, and is back` });
  return restored.length;
}

/**
 * Brings a HAProxy that runs here and does not answer to answering, if that takes nothing from anybody: whoever starts one beside it
 * would have to end it first.
 */
export async function rouse(context: HaproxyContext, sockets: KeptSockets, sight: Sight): Promise<Sight> {
  const { mode, paths, timings, clock, ended } = context;
  if (sight.worker || mode === 'external') return sight;
  const found = await findByMasterSocket(paths.masterSocket);
  if (found.length === 0) return sight;
  const roused = continueStopped(context, found) + restoreSockets(context, sockets);
  const seen = roused > 0 ? await look(context) : sight;
  if (seen.worker || !seen.refused.master) return seen;
  const master = await findMaster(paths.masterSocket);
  if (!master || !(await signalReload(context, master.pid))) return seen;
  const until = clock.now() + timings.start;
  while (clock.now() < until && !ended.aborted) {
    await clock.sleep(timings.poll, ended);
    const now = await look(context);
    if (now.worker) return now;
  }
  return seen;
}
