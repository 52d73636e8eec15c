import type { Cluster } from './cluster.ts';
import { tellStatus } from './instance-events.ts';

/** Events without end: every running task's status again and again, as a cluster in trouble publishes them. */
export interface Flood {
  /** Starts, or goes on at another rate. */
  start(perSecond: number): void;
  stop(): void;
}

/** Events come in bursts this far apart: timers are no finer. */
const BURST_MS = 10;

/** A flood of the cluster's bus; nothing flows yet. */
export function createFlood(cluster: Cluster): Flood {
  let timer: NodeJS.Timeout | undefined;
  let turn = 0;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const burst = (count: number): void => {
    if (cluster.timers.stopped) {
      stop();
      return;
    }
    const running = [...cluster.apps.values()].flatMap((app) =>
      [...app.instances].filter((instance) => instance.state === 'TASK_RUNNING'),
    );
    for (let i = 0; i < count && running.length > 0; i++) {
      const instance = running[turn++ % running.length];
      if (instance !== undefined) tellStatus(cluster, instance, 'TASK_RUNNING', 'Flood');
    }
  };
  return {
    start: (perSecond) => {
      stop();
      let began = Date.now();
      timer = setInterval(() => {
        const now = Date.now();
        // What a busy process was late for is not lost.
        const due = Math.floor((perSecond * (now - began)) / 1000);
        began += (due * 1000) / perSecond;
        burst(due);
      }, BURST_MS);
    },
    stop,
  };
}
