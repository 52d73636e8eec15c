import { expect, test } from 'vitest';
import { keepHeapClose } from '../../../src/cli/close-heap.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { initialState } from '../../../src/core/state.ts';
import { SETTINGS } from '../core/table-rig.ts';

const MB = 1024 * 1024;

/** A heap of so many bytes that has heard of its first passes; what waits is done when `wait` is called. */
function heapOf(bytes: number) {
  const flags: string[] = [];
  const waiting: (() => void)[] = [];
  const listener = keepHeapClose({
    setFlag: (flag) => flags.push(flag),
    used: () => bytes,
    later: (_, work) => waiting.push(work),
  });
  const tell = (event: DaemonEventBody): void => listener({ ...event, at: 0 }, initialState('0.0.0', SETTINGS, 0));
  tell({ type: 'pass-started', cause: { reasons: ['start'], scope: 'all', since: 0 as never } });
  expect(flags).toEqual([]);
  tell({ type: 'pass-finished', outcome: 'applied', ms: 1 });
  tell({ type: 'pass-finished', outcome: 'applied', ms: 1 });
  const wait = (): void => {
    for (const work of waiting.splice(0)) work();
  };
  return { flags, wait };
}

test('the heap is kept close from the end of the first pass on, and not before', () => {
  const { flags, wait } = heapOf(100 * MB);
  wait();
  expect(flags).toEqual(['--heap-growing-percent=70']);
});

test('what the start of a small one has left is collected as soon as it is idle, and only that', () => {
  const { flags, wait } = heapOf(40 * MB);
  expect(flags).toEqual(['--heap-growing-percent=70', '--optimize-for-size']);
  wait();
  expect(flags.slice(2)).toEqual(['--no-optimize-for-size']);
});
