import type { Alarms } from './alarms.ts';

/** A time limit that can be moved while it runs. */
export interface Deadline {
  /** Aborted when the time is up, or when the parent signal is. */
  readonly signal: AbortSignal;
  /** Was it the time, and not the parent? */
  expired(): boolean;
  /** From now on, `ms` more, but not beyond the utmost. */
  extend(ms: number): void;
  /** Ends the watch; the signal stays as it is. */
  stop(): void;
}

/** Starts a time limit of `ms` below `parent`; it can be extended to `utmost` ms from now. Always `stop()` it. */
export function startDeadline(
  alarms: Alarms,
  ms: number,
  parent: AbortSignal,
  utmost = Number.POSITIVE_INFINITY,
): Deadline {
  const cut = new AbortController();
  let expired = false;
  const expire = () => {
    expired = !cut.signal.aborted;
    cut.abort(new Error('deadline'));
  };
  const soonest = alarms.set(Math.min(ms, utmost), expire);
  const last = utmost === Number.POSITIVE_INFINITY ? undefined : alarms.set(utmost, expire);
  const onParent = () => cut.abort(parent.reason);
  if (parent.aborted) onParent();
  else parent.addEventListener('abort', onParent, { once: true });

  return {
    signal: cut.signal,
    expired: () => expired,
    extend: soonest.move,
    stop() {
      parent.removeEventListener('abort', onParent);
      soonest.stop();
      last?.stop();
    },
  };
}
