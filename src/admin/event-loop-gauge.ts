import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const QUANTILES = [0.5, 0.99, 0.999, 1] as const;
/** Where a timer has to look: a delay shorter than this is not seen. Milliseconds. */
const RESOLUTION_MS = 10;

/** Registers how long the event loop was held up, by quantile (1: the maximum), since the metrics were asked for last. */
export function createEventLoopGauge(registry: Registry): void {
  const { watch, ownMs } = startWatch();
  new Gauge({
    name: 'portolan_event_loop_delay_seconds',
    help: 'How long the event loop was held up since the last scrape, by quantile',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      const seconds = (ns: number) => Math.max(0, (ns / 1e6 - ownMs) / 1e3);
      for (const quantile of QUANTILES) this.set({ quantile }, seconds(watch.percentile(quantile * 100)));
      watch.reset();
    },
  });
}

/** `ownMs`: what is in every value, whatever held the event loop. */
function startWatch(): { readonly watch: ReturnType<typeof monitorEventLoopDelay>; readonly ownMs: number } {
  if (!measuresTurns()) {
    const watch = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    watch.enable();
    return { watch, ownMs: RESOLUTION_MS };
  }
  // A timer every 10 ms costs an idle process more than all else that it does: waking up is what is dear.
  const watch = monitorEventLoopDelay({ samplePerIteration: true });
  watch.enable();
  // The first value begins here, in the middle of a turn, and has the wait for the next one in it.
  setImmediate(() => watch.reset());
  return { watch, ownMs: 0 };
}

/** Whether this Node measures every turn of the event loop by itself: only then it minds what the option is (not in Node 24). */
function measuresTurns(): boolean {
  try {
    monitorEventLoopDelay({ samplePerIteration: 'no boolean' as unknown as boolean });
    return false;
  } catch {
    return true;
  }
}
