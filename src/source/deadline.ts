import type { Clock } from '../core/ports.ts';

/** A time limit that can be moved while it runs. */
export interface Deadline {
  /** Aborted when the time is up, or when the parent signal is. */
  readonly signal: AbortSignal;
  /** Was it the time, and not the parent? */
  expired(): boolean;
  /** From now on, `ms` more. */
  extend(ms: number): void;
  /** Ends the watch; the signal stays as it is. */
  stop(): void;
}

/** A reason of our own: the usual one is an error with a stack, made twice for every request. */
const WOKEN = 'woken';

/** Starts a time limit of `ms` below `parent`. Always `stop()` it. */
export function startDeadline(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  const cut = new AbortController();
  let ended = false;
  const onParent = () => cut.abort(parent.reason);
  if (parent.aborted) onParent();
  else parent.addEventListener('abort', onParent, { once: true });
  let due = clock.now() + ms;
  let expired = false;
  let nap = new AbortController();

  const watch = async () => {
    while (!ended && !cut.signal.aborted) {
      const left = due - clock.now();
      if (left > 0) {
        nap = new AbortController();
        await clock.sleep(left, nap.signal);
      } else {
        expired = true;
        cut.abort(new Error('deadline'));
      }
    }
  };
  void watch();

  return {
    signal: cut.signal,
    expired: () => expired,
    extend(more) {
      const earlier = clock.now() + more < due;
      due = clock.now() + more;
      if (earlier) nap.abort(WOKEN);
    },
    stop() {
      parent.removeEventListener('abort', onParent);
      ended = true;
      nap.abort(WOKEN);
    },
  };
}
