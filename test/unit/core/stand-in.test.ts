import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { App, Task } from '../../../src/core/app.ts';
import {
  appNamed,
  askedBy,
  definitionText,
  heldApp,
  nextHolding,
  standIn,
  withHeldApps,
} from '../../../src/core/stand-in.ts';
import { appOf, apps, drawn } from '../../support/hostile-apps.ts';
import { app, appId, build, endpoint, routesOf, snapshot, task } from './table-rig.ts';

const web = (
  labels: Readonly<Record<string, string>>,
  tasks: readonly Task[],
  ports: readonly number[] = [10_001],
): App => app('/web', { labels, tasks, ports });
const GOOD = web({ HAPROXY_0_VHOST: 'web.example' }, [task('t1')]);
const BAD = web({ HAPROXY_0_VHOST: 'new.example', HAPROXY_0_BALANCE: 'hdr(x)' }, [
  task('t1'),
  task('t2', { host: 'agent2', endpoints: [endpoint(0, 31_009)] }),
]);

describe('the app that stands in', () => {
  test('has the good definition and the tasks of now, as they are', () => {
    const stoodIn = standIn(BAD, GOOD);
    expect(definitionText(stoodIn)).toBe(definitionText(GOOD));
    expect(stoodIn.tasks.map((one, n) => one === BAD.tasks[n])).toEqual([true, true]);
    const table = build([stoodIn]);
    expect(routesOf(table)).toEqual(['web.example -> web_10001']);
    expect(table.value.backends[0]?.servers).toHaveLength(2);
  });

  test('has what is neither definition nor form from now', () => {
    const now: App = { ...BAD, instances: 7, deployments: ['d1'] };
    expect(standIn(now, GOOD)).toMatchObject({ instances: 7, deployments: ['d1'], version: GOOD.version });
  });

  test('leads each good port to what it is now', () => {
    const good = web({}, [], [10_001, 10_002]);
    const moved = task('t1', { endpoints: [endpoint(0, 31_000), endpoint(1, 31_002), endpoint(2, 31_001)] });
    const bad = web({}, [moved], [10_001, 10_009, 10_002]);
    const [found] = standIn(bad, good).tasks;
    expect(found?.endpoints.map(({ portIndex, port }) => [portIndex, port])).toEqual([
      [0, 31_000],
      [1, 31_001],
    ]);
  });

  test('of a task that ran then, has the ports too that the refused definition lacks', () => {
    const both = task('t1', { endpoints: [endpoint(0, 31_000), endpoint(1, 31_001)] });
    const good = web({}, [both], [10_001, 10_002]);
    const old = task('t1', { endpoints: [endpoint(0, 31_000)] });
    const fresh = task('t2', { endpoints: [endpoint(0, 31_500)] });
    const [first, second] = standIn(web({}, [old, fresh], [10_001]), good).tasks;
    expect(first?.endpoints.map(({ port }) => port)).toEqual([31_000, 31_001]);
    expect(second?.endpoints.map(({ port }) => port)).toEqual([31_500]);
  });

  test('in a deployment group may have the labels of whoever spoke for it, and its own of the group', () => {
    const group = (id: string, labels: Readonly<Record<string, string>>, tasks: readonly Task[]) =>
      app(id, { labels: { HAPROXY_DEPLOYMENT_GROUP: 'shop', ...labels }, tasks, ports: [10_100] });
    const blue = group('/blue', { HAPROXY_0_VHOST: 'shop.example', HAPROXY_DEPLOYMENT_STARTED_AT: '2026-01-01' }, []);
    const green = group('/green', { HAPROXY_0_VHOST: '-', HAPROXY_DEPLOYMENT_STARTED_AT: '2026-02-02' }, [task('g1')]);
    const stoodIn = standIn(green, blue);
    expect(stoodIn.id).toBe('/green');
    expect([...stoodIn.labels]).toEqual([
      ['HAPROXY_0_VHOST', 'shop.example'],
      ['HAPROXY_DEPLOYMENT_GROUP', 'shop'],
      ['HAPROXY_DEPLOYMENT_STARTED_AT', '2026-02-02'],
    ]);
    expect(routesOf(build([stoodIn]))).toEqual(['shop.example -> shop_10100']);
  });
});

describe('how an app is held', () => {
  test('at its good definition first, then at the tasks of then, then not at all', () => {
    const first = nextHolding(BAD, GOOD, undefined);
    expect(first.step).toBe('definition');
    const second = nextHolding(BAD, GOOD, first.step);
    expect(second.step).toBe('servers');
    expect(heldApp(BAD, second).tasks.map(({ id }) => id)).toEqual(['t1']);
    expect(nextHolding(BAD, GOOD, second.step).step).toBe('out');
  });

  test('at the tasks of then where the definition is what it was', () => {
    expect(nextHolding({ ...GOOD, tasks: BAD.tasks }, GOOD, undefined).step).toBe('servers');
    expect(nextHolding(GOOD, GOOD, undefined).step).toBe('out');
  });

  test('not at all where nothing was good, or no task of then is left', () => {
    expect(nextHolding(BAD, undefined, undefined)).toEqual({ step: 'out' });
    expect(heldApp(BAD, { step: 'out' })).toBe(BAD);
    expect(nextHolding({ ...BAD, tasks: [task('t9')] }, GOOD, 'definition').step).toBe('out');
  });

  test('until it asks for something else: tasks count only where they were to blame', () => {
    const scaled = { ...BAD, tasks: [...BAD.tasks, task('t3')] };
    const mended = { ...BAD, labels: GOOD.labels };
    expect(askedBy(scaled, 'definition')).toBe(askedBy(BAD, 'definition'));
    expect(askedBy(scaled, 'servers')).not.toBe(askedBy(BAD, 'servers'));
    expect(askedBy(mended, 'definition')).not.toBe(askedBy(BAD, 'definition'));
  });
});

test('in a snapshot only the held apps are others', () => {
  const all = snapshot(app('/a'), BAD, app('/z'));
  const shown = withHeldApps(
    all,
    new Map([
      [BAD.id, GOOD],
      [appId('/nobody'), GOOD],
    ]),
  );
  expect(shown.apps.map((one, n) => one === all.apps[n])).toEqual([true, false, true]);
  expect(appNamed(shown, BAD.id)).toBe(GOOD);
  expect(appNamed(shown, appId('/nobody'))).toBeUndefined();
  expect(withHeldApps(all, new Map())).toBe(all);
});

test('whatever an app asks for instead, nobody’s rows are others than before while it is held', () => {
  fc.assert(
    fc.property(apps, drawn, fc.nat(), (list, other, at) => {
      const good = list[at % Math.max(1, list.length)];
      if (good === undefined) return;
      const { memory } = build(list);
      const { scaledAt: _, ...asked } = appOf(good.id, other);
      const bad = {
        ...asked,
        ...(good.scaledAt === undefined ? {} : { scaledAt: good.scaledAt }),
        ports: good.ports,
        tasks: good.tasks,
      };
      const shown = list.map((one) => (one === good ? standIn(bad, good) : one));
      expect(build(shown, { memory }).value).toEqual(build(list, { memory }).value);
    }),
    { numRuns: 300 },
  );
});
