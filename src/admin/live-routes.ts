import type { Clock, Haproxy, LiveServer } from '../core/ports.ts';
import type { State } from '../core/state.ts';

/** Milliseconds between two readings of HAProxy's servers while anyone waits. */
const POLL_MS = 100;

/** State and servers that belong together: the servers were read from the worker that the state says is in charge. */
interface LiveView {
  readonly state: State;
  /** Undefined when HAProxy could not be asked. */
  readonly servers: readonly LiveServer[] | undefined;
}

/** What routes look like now, and when that changes. */
export interface LiveRoutes {
  look(): Promise<LiveView>;
  /** Calls back when something changes that routes depend on; gives the function that ends it. HAProxy is polled only meanwhile. */
  watch(listener: () => void): () => void;
}

interface Reading {
  readonly running: State['running'];
  readonly servers: readonly LiveServer[] | undefined;
}

/** All who look at the same time share one reading; all who wait share one poll. */
export function createLiveRoutes(deps: {
  readonly getState: () => State;
  readonly subscribe: (listener: () => void) => () => void;
  readonly haproxy: Pick<Haproxy, 'servers'>;
  readonly clock: Clock;
}): LiveRoutes {
  const { getState, haproxy, clock } = deps;
  const listeners = new Set<() => void>();
  let underWay: Promise<Reading> | undefined;
  let stopPolling: AbortController | undefined;
  let unsubscribe: (() => void) | undefined;
  let lastServers = '';
  let lastState: readonly unknown[] = [];

  const wakeAll = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const read = (): Promise<Reading> => {
    underWay ??= readServers(getState().running, haproxy).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  const poll = async (stop: AbortSignal): Promise<void> => {
    while (!stop.aborted) {
      const { servers } = await read();
      const text = JSON.stringify(servers ?? null);
      if (text !== lastServers && !stop.aborted) {
        lastServers = text;
        wakeAll();
      }
      await clock.sleep(POLL_MS, stop);
    }
  };
  const onState = (): void => {
    const now = decisive(getState());
    if (now.every((value, index) => value === lastState[index])) return;
    lastState = now;
    wakeAll();
  };

  return {
    async look() {
      let reading = await read();
      // A reading from before a reload says nothing about the worker in charge now. Reloads cannot outrun readings for ever.
      for (let tries = 0; reading.running !== getState().running && tries < 5; tries++) reading = await read();
      const state = getState();
      return { state, servers: reading.running === state.running ? reading.servers : undefined };
    },
    watch(listener) {
      listeners.add(listener);
      if (listeners.size === 1) {
        lastServers = '';
        lastState = decisive(getState());
        unsubscribe = deps.subscribe(onState);
        stopPolling = new AbortController();
        void poll(stopPolling.signal);
      }
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        unsubscribe?.();
        stopPolling?.abort();
      };
    },
  };
}

async function readServers(running: State['running'], haproxy: Pick<Haproxy, 'servers'>): Promise<Reading> {
  const result = await haproxy.servers();
  return { running, servers: result.ok ? result.value : undefined };
}

/** The parts of the state that a route's readiness depends on; all of them keep their identity while unchanged. */
function decisive(state: State): readonly unknown[] {
  const { running, table, snapshot, problems, applyFailing, haproxyDown, haproxy, phase } = state;
  return [running, table, snapshot, problems, applyFailing, haproxyDown, haproxy?.generation, phase];
}
