import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const QUANTILES = [0.5, 0.99, 0.999, 1] as const;
/**
 * A timer looks that often, and a delay shorter than this is seen in part; more often, it would be what an idle Portolan does. Node 26
 * can measure every turn instead (`samplePerIteration`), but takes waits for work: it told of 161 ms where `strace` saw 28 ms between
 * two waits at most. Milliseconds.
 */
const RESOLUTION_MS = 20;

/** Registers how long the event loop was held up, by quantile (1: the maximum), since the metrics were asked for last. */
export function createEventLoopGauge(registry: Registry): void {
  const watch = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  watch.enable();
  new Gauge({
    name: 'portolan_event_loop_delay_seconds',
    help: `How long the event loop was held up since the last scrape, by quantile; looked at every ${RESOLUTION_MS} ms`,
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      // The wait for the timer is in every value, whatever held the event loop.
      const seconds = (ns: number) => Math.max(0, (ns / 1e6 - RESOLUTION_MS) / 1e3);
      for (const quantile of QUANTILES) this.set({ quantile }, seconds(watch.percentile(quantile * 100)));
      watch.reset();
    },
  });
}
