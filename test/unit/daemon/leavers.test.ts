import { expect, test } from 'vitest';
import type { TaskId } from '../../../src/core/app.ts';
import { createTakeOut } from '../../../src/core/fast-lane.ts';
import type { InstanceId } from '../../../src/core/leaving.ts';
import { createLeavers, NOBODY } from '../../../src/daemon/leavers.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { appId } from '../../support/tables.ts';

const INSTANCE = 'a.instance-1' as InstanceId;
const TASK = 'a.instance-1._app.1' as TaskId;
const app = appId('/a');

test('a task is no other one than its instance that leaves already, and both leave as long as one of them was told of', async () => {
  const clock = createManualClock();
  const leavers = createLeavers(clock, 60_000, createTakeOut());
  expect(leavers.now()).toBe(NOBODY);
  leavers.join([{ app, task: INSTANCE }]);
  const one = leavers.now();
  leavers.join([{ app, task: TASK }]);
  leavers.join([{ app, task: INSTANCE }]);
  expect(leavers.now()).toBe(one);
  leavers.join([{ app, task: 'a.instance-2._app.1' as TaskId }]);
  expect(leavers.now()).not.toBe(one);
  await clock.advance(40_000);
  leavers.join([{ app, task: TASK }]);
  await clock.advance(59_999);
  expect(leavers.now()).not.toBe(NOBODY);
  await clock.advance(1);
  expect(leavers.now()).toBe(NOBODY);
});
