import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { createAlarms } from '../../../src/source/alarms.ts';

/** A clock whose time passes by hand; `sleepers` are the times at which somebody wakes. */
function handClock() {
  let now = 0;
  const sleepers = new Map<() => void, number>();
  const clock: Clock = {
    now: () => now as Instant,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake);
          resolve();
        };
        sleepers.set(wake, now + ms);
        signal.addEventListener('abort', wake);
      }),
  };
  const pass = async (ms: number) => {
    for (const end = now + ms; now < end; now += 1) {
      for (const [wake, at] of [...sleepers]) if (at <= now) wake();
      await new Promise(setImmediate);
    }
  };
  return { clock, pass, sleeping: () => sleepers.size };
}

test('each rings at its time, once, whatever the order in which they were set', async () => {
  const { clock, pass } = handClock();
  const alarms = createAlarms(clock);
  const rung: string[] = [];
  for (const ms of [30, 10, 20]) alarms.set(ms, () => rung.push(`${ms} at ${clock.now()}`));
  await pass(100);
  expect(rung).toEqual(['10 at 10', '20 at 20', '30 at 30']);
});

test('one that was stopped does not ring, one that was moved rings at the other time', async () => {
  const { clock, pass } = handClock();
  const alarms = createAlarms(clock);
  const rung: string[] = [];
  const ring = (name: string) => () => rung.push(`${name} at ${clock.now()}`);
  alarms.set(10, ring('stopped')).stop();
  const later = alarms.set(10, ring('later'));
  const sooner = alarms.set(50, ring('sooner'));
  later.move(40);
  sooner.move(20);
  await pass(100);
  expect(rung).toEqual(['sooner at 20', 'later at 40']);
  later.move(10);
  await pass(100);
  expect(rung).toHaveLength(2);
});

test('an alarm may set another one when it rings', async () => {
  const { clock, pass } = handClock();
  const alarms = createAlarms(clock);
  const rung: number[] = [];
  const again = () => {
    rung.push(clock.now());
    if (rung.length < 3) alarms.set(10, again);
  };
  alarms.set(10, again);
  await pass(100);
  expect(rung).toEqual([10, 20, 30]);
});

test('thousands that are stopped in time are one timer, and none once they are closed', async () => {
  const { clock, pass, sleeping } = handClock();
  const alarms = createAlarms(clock);
  for (let count = 0; count < 1000; count++) alarms.set(10 + count, () => expect.unreachable()).stop();
  expect(sleeping()).toBe(1);
  await pass(50);
  expect(sleeping()).toBe(0);
  alarms.set(10, () => expect.unreachable());
  alarms.close();
  expect(sleeping()).toBe(0);
  await pass(50);
});
