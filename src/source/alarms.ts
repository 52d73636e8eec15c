import type { Clock } from '../core/ports.ts';

/** Things that are to happen unless they are stopped or moved in time. */
export interface Alarms {
  /** Rings in `ms`, once. */
  set(ms: number, ring: () => void): Alarm;
  /** Nothing rings any more. */
  close(): void;
}

/** One that was set and has not rung. */
export interface Alarm {
  /** Rings `ms` from now instead. Nothing happens where it has rung or was stopped. */
  move(ms: number): void;
  stop(): void;
}

/**
 * Alarms that share one timer: most are stopped long before their time, and a timer, a promise and two signals for each would cost more
 * than what they watch over. The timer is for the earliest; where that is gone when it wakes, it sleeps on.
 */
export function createAlarms(clock: Clock): Alarms {
  const waiting = new Set<{ due: number; readonly ring: () => void }>();
  let wakesAt = Number.POSITIVE_INFINITY;
  let nap = new AbortController();

  function wakeBy(due: number): void {
    if (due >= wakesAt) return;
    nap.abort(WOKEN);
    wakesAt = due;
    nap = new AbortController();
    void sleep(nap);
  }

  async function sleep(mine: AbortController): Promise<void> {
    await clock.sleep(Math.max(0, wakesAt - clock.now()), mine.signal);
    if (mine.signal.aborted) return;
    wakesAt = Number.POSITIVE_INFINITY;
    const now = clock.now();
    const over = [...waiting].filter(({ due }) => due <= now);
    for (const alarm of over) if (waiting.delete(alarm)) alarm.ring();
    if (waiting.size > 0) wakeBy(Math.min(...[...waiting].map(({ due }) => due)));
  }

  return {
    set(ms, ring) {
      const alarm = { due: clock.now() + ms, ring };
      waiting.add(alarm);
      wakeBy(alarm.due);
      return {
        move(more) {
          alarm.due = clock.now() + more;
          if (waiting.has(alarm)) wakeBy(alarm.due);
        },
        stop: () => void waiting.delete(alarm),
      };
    },
    close() {
      waiting.clear();
      nap.abort(WOKEN);
      wakesAt = Number.POSITIVE_INFINITY;
    },
  };
}

/** A reason of our own: the usual one is an error with a stack. */
const WOKEN = 'woken';
