import { describe, expect, test } from 'vitest';
import { announcedChanges } from '../../../src/core/announced-changes.ts';
import type { App, Task } from '../../../src/core/app.ts';
import { NO_LOOKUPS, parseApp } from '../../../src/core/snapshot.ts';

const CHECK = { protocol: 'HTTP', path: '/', portIndex: 0 };
const task = (n: number, more: object = {}) => ({ id: `web.${n}`, host: '10.0.0.1', ports: [31_000 + n], ...more });
const running = (n: number, alive?: boolean) =>
  task(n, {
    state: 'TASK_RUNNING',
    ...(alive === undefined
      ? {}
      : { healthCheckResults: [{ alive, consecutiveFailures: alive ? 0 : 3, lastFailure: 'x' }] }),
  });

function app(more: object = {}): App {
  const json = { id: '/web', version: '2020-01-01T00:00:00.000Z', instances: 2, healthChecks: [CHECK], ...more };
  const { value } = parseApp(json, NO_LOOKUPS);
  if (value === undefined) throw new Error('unreadable');
  return value;
}

const OTHER = app({ id: '/other', version: '2020-01-02T00:00:00.000Z', tasks: [task(9)] });
const told = (before: object, after: object) => announcedChanges([OTHER, app(before)], [OTHER, app(after)]);

describe('Marathon announces', () => {
  const cases: readonly (readonly [string, object, object])[] = [
    ['a newer version', {}, { version: '2020-01-03T00:00:00.000Z' }],
    ['a task that runs', { tasks: [task(1, { state: 'TASK_STAGING' })] }, { tasks: [running(1)] }],
    ['a new task that runs', { tasks: [running(1)] }, { tasks: [running(1), running(2)] }],
    ['a task that ran and is gone', { tasks: [running(1), running(2)] }, { tasks: [running(1)] }],
    ['a task that fails', { tasks: [running(1)] }, { tasks: [task(1, { state: 'TASK_FAILED' })] }],
    ['a check that fails', { tasks: [running(1, true)] }, { tasks: [running(1, false)] }],
    ['a check that passes again', { tasks: [running(1, false)] }, { tasks: [running(1, true)] }],
  ];
  for (const [name, before, after] of cases) test(name, () => expect(told(before, after)).toEqual(['/web']));

  test('an app that is newer than all others', () => {
    const made = app({ version: '2020-01-03T00:00:00.000Z' });
    expect(announcedChanges([OTHER], [OTHER, made])).toEqual(['/web']);
  });
});

describe('it does not announce', () => {
  const cases: readonly (readonly [string, object, object])[] = [
    ['nothing', {}, {}],
    ['a deployment that ends', { deployments: [{ id: 'x' }] }, {}],
    ['results that a new leader has lost', { tasks: [running(1, true)] }, { tasks: [running(1)] }],
    ['the first failure that it records', { tasks: [running(1)] }, { tasks: [running(1, false)] }],
    ['a result that it has again', { tasks: [running(1)] }, { tasks: [running(1, true)] }],
    ['a task that is staged', { tasks: [running(1)] }, { tasks: [running(1), task(2, { state: 'TASK_STAGING' })] }],
    ['a lost task that it forgets', { tasks: [running(1), task(2, { state: 'TASK_LOST' })] }, { tasks: [running(1)] }],
    ['all tasks at once that an answer lacks', { tasks: [running(1)] }, { tasks: [] }],
    ['and has again', { tasks: [] }, { tasks: [running(1)] }],
  ];
  for (const [name, before, after] of cases) test(name, () => expect(told(before, after)).toEqual([]));

  test('an app that an answer lacks, and has again', () => {
    expect(announcedChanges([OTHER, app()], [OTHER])).toEqual([]);
    expect(announcedChanges([OTHER], [OTHER, app()])).toEqual([]);
  });

  test('the address of an agent', () => {
    const move = (tasks: readonly Task[]) => tasks.map((one) => ({ ...one, hostAddress: '10.0.0.2' }));
    const was = app({ tasks: [running(1)] });
    expect(announcedChanges([was], [{ ...was, tasks: move(was.tasks) }])).toEqual([]);
  });
});
