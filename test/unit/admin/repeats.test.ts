import { expect, test } from 'vitest';
import { createRepeats } from '../../../src/admin/repeats.ts';
import type { AppId } from '../../../src/core/app.ts';
import type { DaemonEvent } from '../../../src/core/events.ts';

const hint = (at: number, eventType = 'status_update_event', app = '/a'): DaemonEvent => ({
  type: 'marathon-event',
  eventType,
  relevant: true,
  apps: [app as AppId],
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

test.each([
  ['status_update_event', 'instance_changed_event'],
  ['health_status_changed_event', 'instance_health_changed_event'],
  ['deployment_info', 'group_change_success'],
  ['deployment_success', 'deployment_step_success'],
])('%s and %s of an app say the same, whichever comes first, and of another one they do not', (one, other) => {
  for (const [first, second] of [
    [one, other],
    [other, one],
  ] as const) {
    const repeats = createRepeats();
    expect(repeats.has(hint(0, first))).toBe(false);
    expect(repeats.has(hint(1, second))).toBe(true);
    expect(repeats.has(hint(2, second, '/b'))).toBe(false);
    expect(repeats.has(hint(3, 'api_post_event'))).toBe(false);
  }
});

test('what failed is never told by what went well', () => {
  const repeats = createRepeats();
  expect(repeats.has(hint(0, 'deployment_success'))).toBe(false);
  expect(repeats.has(hint(1, 'deployment_failed'))).toBe(false);
  expect(repeats.has(hint(2, 'deployment_step_failure'))).toBe(false);
});

test('types that come from outside are forgotten before they are too many, which costs a line each', () => {
  const repeats = createRepeats();
  expect(repeats.has(hint(0))).toBe(false);
  for (let n = 0; n < 99; n += 1) expect(repeats.has(hint(1, `type_${n}`))).toBe(false);
  expect(repeats.has(hint(2))).toBe(true);
  expect(repeats.has(hint(3, 'one_too_many'))).toBe(false);
  expect(repeats.has(hint(4))).toBe(false);
});
