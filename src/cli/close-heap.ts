import { setFlagsFromString } from 'node:v8';
import type { Listener } from '../daemon/store.ts';

/**
 * From the end of the first pass on, old garbage is collected when it is 70 % of what is alive. V8 lets a heap that grows slowly reach
 * three times of that, which a guest beside HAProxy has no business to hold; at the start, when nearly everything that is made stays,
 * collecting more often would only take time. Read by V8 (14.x) at each collection. `setFlag`: takes a flag of
 * V8's as its command line does.
 */
export function keepHeapClose(setFlag: (flag: string) => void = setFlagsFromString): Listener {
  let started = false;
  return ({ type }) => {
    if (started || type !== 'pass-finished') return;
    started = true;
    setFlag('--heap-growing-percent=70');
  };
}
