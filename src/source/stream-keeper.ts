import { followStream, type StreamParts } from './event-stream.ts';

/** What keeping a stream alive touches, beside what one stream does. */
export interface KeeperParts extends Omit<StreamParts, 'attached'> {
  /** How many streams in a row could not be had or did not last; 0 when one is attached. */
  readonly failuresInARow: (count: number) => void;
}

/**
 * Keeps one event stream open for ever: the most promising master first, after a failure the next one, with full-jitter
 * back-off. Returns when aborted.
 */
export async function keepStream(parts: KeeperParts, signal: AbortSignal): Promise<void> {
  const { masters, timings, clock, random } = parts;
  let failures = 0;
  while (!signal.aborted) {
    const order = masters.order();
    const master = order[failures % order.length];
    if (master === undefined) return;
    const end = await followStream({ ...parts, attached: () => parts.failuresInARow(0) }, master, signal);
    if (signal.aborted) return;
    failures = end.lived >= timings.streamStable ? 0 : failures + 1;
    parts.failuresInARow(failures);
    const ceiling = Math.min(timings.backoffMost, timings.backoffLeast * 2 ** Math.min(failures, 20));
    await clock.sleep(Math.max(timings.backoffLeast, random() * ceiling), signal);
  }
}
