import { expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { forgottenHealth } from '../../../src/core/forgotten-health.ts';
import { NO_LOOKUPS, parseApp } from '../../../src/core/snapshot.ts';

/** An app with one task for each result; undefined: none. */
function app(n: number, results: readonly (boolean | undefined)[], more: object = {}): App {
  const { value } = parseApp(
    {
      id: `/app-${n}`,
      version: '2020-01-01T00:00:00.000Z',
      healthChecks: [{ protocol: 'HTTP' }],
      tasks: results.map((alive, task) => ({
        id: `app-${n}.${task}`,
        state: 'TASK_RUNNING',
        healthCheckResults: alive === undefined ? [] : [{ alive, consecutiveFailures: alive ? 0 : 4 }],
      })),
      ...more,
    },
    NO_LOOKUPS,
  );
  if (value === undefined) throw new Error('unreadable');
  return value;
}

const apps = (count: number, alive: boolean | undefined) =>
  Array.from({ length: count }, (_none, n) => app(n, [alive, alive]));

test('results that are gone at once are a change of leader', () => {
  expect(forgottenHealth(apps(5, true), apps(5, undefined))).toEqual({ tasks: 10, of: 10 });
  expect(forgottenHealth(apps(5, false), apps(5, undefined))).toEqual({ tasks: 10, of: 10 });
  const half = [...apps(5, undefined), ...apps(10, true).slice(5)];
  expect(forgottenHealth(apps(10, true), half)).toEqual({ tasks: 10, of: 20 });
});

test('a few of them are not, nor is anything else', () => {
  const before = apps(9, true);
  expect(forgottenHealth(before, before)).toBeUndefined();
  expect(forgottenHealth(before, apps(9, false))).toBeUndefined();
  expect(forgottenHealth(before, [])).toBeUndefined();
  expect(forgottenHealth([], apps(9, undefined))).toBeUndefined();
  expect(forgottenHealth(apps(9, undefined), apps(9, undefined))).toBeUndefined();
  expect(forgottenHealth(apps(2, true), apps(2, undefined))).toBeUndefined();
  expect(forgottenHealth(before, [...apps(4, undefined), ...before.slice(4)])).toBeUndefined();
  // Other checks: other results.
  const unchecked = before.map((_app, n) => app(n, [undefined, undefined], { healthChecks: [] }));
  expect(forgottenHealth(before, unchecked)).toBeUndefined();
});
