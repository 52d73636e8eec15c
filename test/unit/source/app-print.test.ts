import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_LOOKUPS, parseApp } from '../../../src/core/snapshot.ts';
import { printOf } from '../../../src/source/app-print.ts';
import { app as json } from './rig.ts';

const print = (text: string): string => printOf(Buffer.from(text));
const printed = (value: unknown): string => print(JSON.stringify(value));

interface Given {
  readonly id?: number;
  readonly port?: number;
  readonly success?: string;
  readonly results?: number;
}
const task = ({ id = 1, port = 31_000, success = '2017-12-14T20:58:51.895Z', results = 1 }: Given = {}) => ({
  id: `web.${id}`,
  host: '10.0.0.1',
  ports: [port],
  state: 'TASK_RUNNING',
  healthCheckResults: Array.from({ length: results }, () => ({ alive: true, lastSuccess: success })),
});
const app = (...tasks: readonly unknown[]) => ({ ...json('/web'), tasks, labels: { A: 'tasks' } });

describe('an app’s print', () => {
  test('does not depend on the order of its tasks, or on when they were found well last', () => {
    const [a, b, c] = [task(), task({ id: 2, port: 31_001 }), task({ id: 3, port: 31_002, results: 3 })];
    const before = printed(app(a, b, c));
    expect(printed(app(c, a, b))).toBe(before);
    const later = task({ id: 3, port: 31_002, results: 3, success: '2018-01-02T01:02:03.004Z' });
    expect(printed(app(later, b, a))).toBe(before);
    expect(printed(app(task({ success: '2018-01-02T01:02:03.004Z' })))).toBe(printed(app(a)));
  });

  test('is another one for any other difference', () => {
    const [a, b] = [task(), task({ id: 2 })];
    const different: readonly unknown[] = [
      app(a, b),
      app(a),
      app(a, a),
      app(a, a, b),
      app(),
      app(a, task({ id: 2, port: 31_009 })),
      app(a, task({ id: 2, success: 'never' })),
      app(a, task({ id: 2, success: '2017-12-14T20:58:51.895\\' })),
      app(a, { ...b, healthCheckResults: [{ alive: true }] }),
      app(a, { ...b, healthCheckResults: [{ alive: true, lastSuccess: null }] }),
      app(a, { ...b, healthCheckResults: [{ alive: false, lastSuccess: '2017-12-14T20:58:51.895Z' }] }),
      app(a, 1, b),
      app(a, [b]),
      { ...app(a, b), instances: 7 },
      { ...app(a, b), labels: { A: 'lastSuccess":"2017-12-14T20:58:51.895Z' } },
      { ...app(a, b), labels: { A: 'lastSuccess":"2018-12-14T20:58:51.895Z' } },
      { ...app(), tasks: 'none' },
      { ...json('/web'), tasks: undefined },
    ];
    expect(new Set(different.map(printed)).size).toBe(different.length);
  });

  test('is that of a valid text for valid texts only', () => {
    const [a, b] = [JSON.stringify(task()), JSON.stringify(task({ id: 2 }))];
    const valid = `{"id":"/web","tasks":[${a},${b}]}`;
    const spoilt = [
      `{"id":"/web","tasks":[${a}${b}]}`,
      `{"id":"/web","tasks":[${a},,${b}]}`,
      `{"id":"/web","tasks":[${a},${b},]}`,
      `{"id":"/web","tasks":[,${a},${b}]}`,
      `{"id":"/web","tasks":[${a},${b}`,
      `{"id":"/web","tasks":[${b},${a}`,
      valid.replace('58:51.895Z', '58:51.895\\'),
      valid.replace('58:51.895Z', '58:51.895\n'),
      valid.replace('2017-12', '2017"12'),
    ];
    expect(print(`{"id":"/web","tasks":[]}${a}`)).not.toBe(print(`{"id":"/web","tasks":[${a}]}`));
    for (const text of spoilt) {
      expect(() => JSON.parse(text)).toThrow();
      expect(print(text)).not.toBe(print(valid));
    }
  });

  test('tells what parsing it gives: two texts with one print are one app', () => {
    const one = fc.record({
      id: fc.integer({ min: 1, max: 3 }),
      port: fc.constantFrom(31_000, 31_001),
      success: fc.constantFrom('2017-12-14T20:58:51.895Z', '2018-01-02T01:02:03.004Z', '', '"},{"tasks":['),
      results: fc.integer({ min: 0, max: 2 }),
    });
    const apps = fc.array(one, { maxLength: 3 }).map((tasks) => JSON.stringify(app(...tasks.map(task))));
    let same = 0;
    fc.assert(
      fc.property(apps, apps, fc.boolean(), (a, b, reversed) => {
        const parsed = JSON.parse(b);
        const other = reversed ? JSON.stringify({ ...parsed, tasks: parsed.tasks.reverse() }) : b;
        for (const [x, y] of [
          [a, b],
          [b, other],
        ] as const) {
          if (print(x) !== print(y)) continue;
          same += 1;
          expect(parseApp(JSON.parse(x), NO_LOOKUPS)).toEqual(parseApp(JSON.parse(y), NO_LOOKUPS));
        }
      }),
      { numRuns: 500 },
    );
    expect(same).toBeGreaterThan(500);
  });
});
