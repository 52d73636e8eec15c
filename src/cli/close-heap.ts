import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Listener } from '../daemon/store.ts';

/** What keeping the heap close touches: V8's flags as on its command line, bytes in use, and a timer that keeps nobody alive. */
interface HeapControls {
  readonly setFlag: (flag: string) => void;
  readonly used: () => number;
  readonly later: (ms: number, work: () => void) => void;
}

const OWN: HeapControls = {
  setFlag: setFlagsFromString,
  used: () => getHeapStatistics().used_heap_size,
  later: (ms, work) => void setTimeout(work, ms).unref(),
};

/** Bytes that V8 looks through without holding anybody up: 15 ms. */
const SMALL_HEAP = 64 * 1024 * 1024;

/** V8's idle collection comes 8 s after the last other one, and once more after that (ms). */
const IDLE_OVER_MS = 25_000;

/**
 * From the end of the first pass on, old garbage is collected when it is 70 % of what is alive. V8 lets a heap that grows slowly reach
 * three times of that, which a guest beside HAProxy has no business to hold; at the start, when nearly everything that is made stays,
 * collecting more often would only take time. Read by V8 (14.x) at each collection.
 *
 * What the start has left is collected once Portolan is idle. V8 does that by itself, but one time in three it believes for 100 s that the
 * start goes on, as it last measured then how much is made: 15 MB with 1,000 apps. Where memory counts most, it does not look at that.
 */
export function keepHeapClose({ setFlag, used, later }: HeapControls = OWN): Listener {
  let started = false;
  return ({ type }) => {
    if (started || type !== 'pass-finished') return;
    started = true;
    setFlag('--heap-growing-percent=70');
    if (used() > SMALL_HEAP) return;
    setFlag('--optimize-for-size');
    later(IDLE_OVER_MS, () => setFlag('--no-optimize-for-size'));
  };
}
