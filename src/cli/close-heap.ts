import { setFlagsFromString } from 'node:v8';
import type { Listener } from '../daemon/store.ts';

/**
 * From the end of the first pass on, old garbage is collected when it is 70 % of what is alive. V8 lets a heap that grows slowly reach
 * three times of that, which a guest beside HAProxy has no business to hold; at the start, when nearly everything that is made stays,
 * collecting more often would only take time. Read by V8 (14.x) at each collection.
 */
export function keepHeapClose(): Listener {
  let started = false;
  return ({ type }) => {
    if (started || type !== 'pass-finished') return;
    started = true;
    setFlagsFromString('--heap-growing-percent=70');
  };
}
