import { setFlagsFromString } from 'node:v8';
import type { Listener } from '../daemon/store.ts';

/** Calls of a function before V8's last compiler takes it up: ten times as many as usual. */
const CALLS = 30_000;

/**
 * From the end of the first pass on, V8's last compiler (TurboFan) waits longer: over a function that a change calls a few times it takes
 * more CPU than it saves in minutes, and on two cores it takes it from HAProxy. What reads and renders a whole cluster is called often
 * enough at the start. A V8 without this flag (24 to 26 have it) says so on stderr and goes on.
 */
export function compileLater(setFlag: (flag: string) => void = setFlagsFromString): Listener {
  let told = false;
  return ({ type }) => {
    if (told || type !== 'pass-finished') return;
    told = true;
    setFlag(`--invocation-count-for-turbofan=${CALLS}`);
  };
}
