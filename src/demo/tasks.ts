import { createHttpListener } from './task-http.ts';
import type { TaskSpec, TaskView } from './task-spec.ts';
import { createEchoListener } from './task-tcp.ts';

/** A task that really listens, in this process. */
export interface RealTask {
  readonly spec: TaskSpec;
  /** Opens all ports; answers the error code (`EADDRINUSE`, …) if one cannot be had, and then none is open. */
  start(): Promise<string | undefined>;
  /** SIGTERM, and SIGKILL after the grace; resolves when the task is gone. */
  terminate(graceMs: number): Promise<void>;
  /** SIGKILL. */
  crash(): void;
  healthy(): boolean;
  setHealthy(healthy: boolean): void;
}

/** Milliseconds before the end of the grace from which answers carry `Connection: close`. */
const WIND_DOWN_MS = 250;
/** Milliseconds that requests in flight get after the grace. */
const IN_FLIGHT_MS = 2_000;

/** A task; nothing is opened before `start`. */
export function createTask(spec: TaskSpec): RealTask {
  let closing = false;
  let startedAt = Number.POSITIVE_INFINITY;
  let forced: boolean | undefined;
  let wake: (() => void) | undefined;
  const healthy = (): boolean => forced ?? Date.now() >= startedAt + spec.healthyAfterMs;
  const ready = (): boolean => Date.now() >= startedAt + spec.readyAfterMs;
  const view: TaskView = { spec, healthy, ready, closing: () => closing };
  const listeners = spec.listens.map((port) =>
    port.kind === 'http' ? createHttpListener(view, port) : createEchoListener(view, port),
  );
  const cut = (): void => {
    wake?.();
    for (const listener of listeners) listener.cut();
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  return {
    spec,
    start: async () => {
      const errors = await Promise.all(listeners.map((listener) => listener.open()));
      const error = errors.find((code) => code !== undefined);
      if (error !== undefined) cut();
      else startedAt = Date.now();
      return error;
    },
    terminate: async (graceMs) => {
      if (spec.exit === 'instant') return cut();
      const serve = spec.exit === 'grace' ? graceMs : 0;
      const windDown = Math.min(WIND_DOWN_MS, serve / 4);
      if (serve > 0) await pause(serve - windDown);
      closing = true;
      if (windDown > 0) await pause(windDown);
      await Promise.all(listeners.map((listener) => listener.finish(IN_FLIGHT_MS)));
    },
    crash: cut,
    healthy,
    setHealthy: (value) => {
      forced = value;
    },
  };
}
