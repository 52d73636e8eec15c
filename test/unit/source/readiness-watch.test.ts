import { expect, onTestFinished, test } from 'vitest';
import type { App, AppId } from '../../../src/core/app.ts';
import { NO_LOOKUPS, parseApp } from '../../../src/core/snapshot.ts';
import { createMarathon } from '../../../src/demo/marathon.ts';
import { createReadinessWatch } from '../../../src/source/readiness-watch.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { app, never, startSource } from './rig.ts';

const ID = '/web' as AppId;

function web(ready?: boolean): App {
  const results = ready === undefined ? [] : [{ taskId: 'web.1', ready }];
  const json = { ...app(ID), deployments: [{ id: 'd' }], readinessChecks: [{}], readinessCheckResults: results };
  const { value } = parseApp(json, NO_LOOKUPS);
  if (value === undefined) throw new Error('unreadable');
  return value;
}

function watch() {
  const clock = createManualClock();
  const hints: (readonly [string, string])[] = [];
  const timings = { readinessLeast: 2_000, readinessMost: 15_000 };
  const made = createReadinessWatch({
    clock,
    timings,
    hint: (scope, reason) => hints.push([String(scope), reason]),
  });
  return { clock, hints, ...made };
}

test('an app with a task that waits is looked at again, more and more seldom, until nobody waits', async () => {
  const { clock, hints, seen } = watch();
  seen([ID], [web()]);
  seen([ID], [web(false)]);
  await clock.advance(2_000);
  expect(hints).toEqual([['/web', 'readiness']]);
  await clock.advance(60_000);
  expect(hints).toHaveLength(1);
  seen([ID], [web(false)]);
  await clock.advance(14_900);
  expect(hints).toHaveLength(1);
  await clock.advance(200);
  expect(hints).toHaveLength(2);
  seen([ID], [web(true)]);
  await clock.advance(60_000);
  expect(hints).toHaveLength(2);
});

test('whoever is gone, or passed before the look, is not looked at', async () => {
  const { clock, hints, seen, seenAll } = watch();
  seenAll([web()]);
  await clock.advance(1_000);
  seen([ID], []);
  await clock.advance(30_000);
  seenAll([web()]);
  await clock.advance(1_000);
  seenAll([web(true)]);
  await clock.advance(30_000);
  expect(hints).toEqual([]);
  expect(clock.sleepers()).toBe(0);
});

test('a source reads results of readiness checks, of all apps and of one', async () => {
  const marathon = await createMarathon({ tasks: 'paper', secondMs: 20, servicePorts: { from: 27_790, to: 27_799 } });
  onTestFinished(() => marathon.stop());
  await marathon.post({
    id: ID,
    env: { TASK_READY_AFTER_MS: '600000' },
    readinessChecks: [{ name: 'r', intervalSeconds: 1 }],
  });
  await marathon.until(ID, ([task]) => task?.state === 'TASK_RUNNING');
  const { source } = startSource(marathon.urls);
  for (const scope of ['all', [ID]] as const) {
    const read = await source.snapshot(scope, never());
    expect(read.ok && read.value.value.apps[0]?.tasks[0]?.readiness).toBe('waiting');
  }
});
