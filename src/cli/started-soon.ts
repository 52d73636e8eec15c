import type { Haproxy } from '../core/ports.ts';

/** HAProxy starts with what is on disk while all else is still being made: clients wait for nothing but that. */
export function startedSoon(haproxy: Haproxy): { readonly haproxy: Haproxy; readonly settled: Promise<unknown> } {
  const begun = haproxy.start();
  let taken = false;
  const start = (): typeof begun => {
    if (taken) return haproxy.start();
    taken = true;
    return begun;
  };
  // What it fails with is for the loop to hear.
  return { haproxy: { ...haproxy, start }, settled: begun.catch(() => undefined) };
}
