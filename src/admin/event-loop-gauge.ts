import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const QUANTILES = [0.5, 0.99, 0.999, 1] as const;
/** A delay shorter than this is not seen, and costs nothing to look for. Milliseconds. */
const RESOLUTION_MS = 10;

/** Registers how long the event loop was held up, by quantile (1: the maximum), since the metrics were asked for last. */
export function createEventLoopGauge(registry: Registry): void {
  const watch = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  watch.enable();
  new Gauge({
    name: 'portolan_event_loop_delay_seconds',
    help: 'How long the event loop was held up since the last scrape, by quantile',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      // The watch's own interval is in every value.
      const seconds = (ns: number) => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1_000);
      for (const quantile of QUANTILES) this.set({ quantile }, seconds(watch.percentile(quantile * 100)));
      watch.reset();
    },
  });
}
