import { followStream, type StreamParts } from './event-stream.ts';
import type { Master } from './masters.ts';

/** What keeping a stream alive touches, beside what one stream does. */
export interface KeeperParts extends Omit<StreamParts, 'attached'> {
  /** Aborted when the stream that is opened next turns out to tell nothing. */
  readonly deaf: () => AbortSignal;
  /** How many streams in a row could not be had or did not last; 0 when one is attached. */
  readonly failuresInARow: (count: number) => void;
}

/**
 * Keeps one event stream open for ever, with full-jitter back-off: the most promising master first, after a loss one that was
 * not tried since the last good stream. Returns when aborted.
 */
export async function keepStream(parts: KeeperParts, signal: AbortSignal): Promise<void> {
  const { masters, timings, clock, random } = parts;
  const tried = new Set<Master>();
  let failures = 0;
  while (!signal.aborted) {
    const order = masters.order();
    if (order.every((each) => tried.has(each))) tried.clear();
    const master = order.find((each) => !tried.has(each));
    if (master === undefined) return;
    const attached = () => parts.failuresInARow(0);
    const end = await followStream({ ...parts, attached }, master, signal, parts.deaf());
    if (signal.aborted) return;
    const good = end.aged || end.lived >= timings.streamStable;
    if (good) tried.clear();
    if (!end.aged) tried.add(master);
    failures = good ? 0 : failures + 1;
    parts.failuresInARow(failures);
    const ceiling = Math.min(timings.backoffMost, timings.backoffLeast * 2 ** Math.min(failures, 20));
    await clock.sleep(Math.max(timings.backoffLeast, random() * ceiling), signal);
  }
}
