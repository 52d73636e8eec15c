import { expect, test } from 'vitest';
import { createRepeats } from '../../../src/admin/repeats.ts';
import type { DaemonEvent } from '../../../src/core/events.ts';

const hint = (at: number): DaemonEvent => ({
  type: 'marathon-event',
  eventType: 'status_update_event',
  relevant: true,
  apps: [],
  at,
});

test('whoever asks about an event is told the same, and its like within a minute is a repeat', () => {
  const repeats = createRepeats();
  const [first, second, late] = [hint(0), hint(1_000), hint(61_000)];
  expect([first, first, second, second, late, late].map((event) => repeats.has(event))).toEqual([
    false,
    false,
    true,
    true,
    false,
    false,
  ]);
});
