import { expect, test } from 'vitest';
import { keepHeapClose } from '../../../src/cli/close-heap.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { initialState } from '../../../src/core/state.ts';
import { SETTINGS } from '../core/table-rig.ts';

test('the heap is kept close from the end of the first pass on, and not before', () => {
  const flags: string[] = [];
  const listener = keepHeapClose((flag) => flags.push(flag));
  const tell = (event: DaemonEventBody): void => listener({ ...event, at: 0 }, initialState('0.0.0', SETTINGS, 0));
  tell({ type: 'pass-started', cause: { reasons: ['start'], scope: 'all', since: 0 as never } });
  expect(flags).toEqual([]);
  tell({ type: 'pass-finished', outcome: 'applied', ms: 1 });
  tell({ type: 'pass-finished', outcome: 'applied', ms: 1 });
  expect(flags).toEqual(['--heap-growing-percent=70']);
});
