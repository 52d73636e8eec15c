/** Timers that end together, so that nothing runs on after `stop`. */
export interface Timers {
  /** Runs once after `ms`; the answer cancels it. Nothing runs after `stop`. */
  after(ms: number, run: () => void): () => void;
  /** Resolves after `ms`; true, or false when stopped meanwhile. */
  sleep(ms: number): Promise<boolean>;
  readonly stopped: boolean;
  stop(): void;
}

/** Real timers under one roof. `ms` 0 is the next turn of the event loop. */
export function createTimers(): Timers {
  const pending = new Set<{ cancel: () => void; stopped: () => void }>();
  let stopped = false;
  const schedule = (ms: number, run: () => void, onStop: () => void): (() => void) => {
    if (stopped) {
      onStop();
      return () => undefined;
    }
    const fire = (): void => {
      pending.delete(entry);
      run();
    };
    const immediate = ms <= 0 ? setImmediate(fire) : undefined;
    const timeout = ms > 0 ? setTimeout(fire, ms) : undefined;
    const entry = {
      cancel: () => {
        pending.delete(entry);
        clearImmediate(immediate);
        clearTimeout(timeout);
      },
      stopped: onStop,
    };
    pending.add(entry);
    return entry.cancel;
  };
  return {
    after: (ms, run) => schedule(ms, run, () => undefined),
    sleep: (ms) =>
      new Promise((resolve) => {
        schedule(
          ms,
          () => resolve(true),
          () => resolve(false),
        );
      }),
    get stopped() {
      return stopped;
    },
    stop: () => {
      stopped = true;
      for (const entry of [...pending]) {
        entry.cancel();
        entry.stopped();
      }
    },
  };
}
