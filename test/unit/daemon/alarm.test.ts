import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import { createAlarm } from '../../../src/daemon/alarm.ts';

/** An alarm that waits until `due`, on a clock whose sleeps end by their signal only; `turn` lets what is due happen. */
function waitingUntil(due: number) {
  const at = { now: 0, due, sleeps: 0 };
  const alarm = createAlarm({
    now: () => at.now as Instant,
    sleep: (_, signal) => {
      at.sleeps += 1;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  });
  let over = false;
  void alarm
    .until(() => at.due as Instant, new AbortController().signal)
    .then(() => {
      over = true;
    });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { at, alarm, turn, isOver: () => over };
}

test('a ring for an earlier time ends the sleep, one that only puts it off does not', async () => {
  const { at, alarm, turn, isOver } = waitingUntil(100);
  at.due = 130;
  alarm.ring();
  await turn();
  expect([at.sleeps, isOver()]).toEqual([1, false]);
  at.due = 50;
  alarm.ring();
  await turn();
  expect([at.sleeps, isOver()]).toEqual([2, false]);
  Object.assign(at, { now: 50, due: 50 });
  alarm.ring();
  await turn();
  expect(isOver()).toBe(true);
});

test('a clock that is set forward keeps nobody asleep', async () => {
  const { at, alarm, turn } = waitingUntil(3_600_000);
  Object.assign(at, { now: 7_200_000, due: 7_200_030 });
  alarm.ring();
  await turn();
  expect(at.sleeps).toBe(2);
});
