import { describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { type AppInput, app, bindsOf, build, check, codesOf, endpoint, routesOf, task } from './table-rig.ts';

type Colour = Omit<AppInput, 'tasks'> & {
  readonly tasks: number;
  readonly healthy?: number;
  readonly extra?: Record<string, string>;
};

let port = 31_000;
/** One colour of the group `shop`; `healthy` of its tasks are, all unless told otherwise. */
function colour(
  id: string,
  startedAt: string | undefined,
  { tasks, healthy = tasks, extra = {}, ...input }: Colour,
): App {
  const labels = {
    HAPROXY_DEPLOYMENT_GROUP: 'shop',
    HAPROXY_0_PORT: '10000',
    HAPROXY_0_VHOST: 'shop.example',
    ...(startedAt === undefined ? {} : { HAPROXY_DEPLOYMENT_STARTED_AT: startedAt }),
    ...extra,
  };
  const list = Array.from({ length: tasks }, (_, index) =>
    task(`${id.slice(1)}.${index}`, {
      health: index < healthy ? 'healthy' : 'unhealthy',
      healthChecks: [check()],
      endpoints: [endpoint(0, port++)],
    }),
  );
  return app(id, { labels, healthChecks: [check()], tasks: list, ...input });
}
const zdd = (target: string, fresh = '0') => ({
  HAPROXY_DEPLOYMENT_NEW_INSTANCES: fresh,
  HAPROXY_DEPLOYMENT_TARGET_INSTANCES: target,
});
const served = (...apps: readonly App[]) => {
  const table = build(apps);
  const servers = table.value.backends.flatMap((backend) => backend.servers);
  const ids = (admission: 'ready' | 'maint') =>
    servers.flatMap((server) => (server.admission === admission ? [server.task] : [])).sort();
  return { table, ready: ids('ready'), maint: ids('maint') };
};

describe('a deployment group is served as one', () => {
  test('named by the group, with the tasks of both and the labels of the older', () => {
    const blue = colour('/shop-blue', '2024-01-01T00:00:00', { tasks: 3, ports: [10_000], extra: zdd('3') });
    const green = colour('/shop-green', '2024-02-01T00:00:00', {
      tasks: 0,
      ports: [10_001],
      extra: { ...zdd('3'), HAPROXY_0_BALANCE: 'first' },
    });
    const { table, ready, maint } = served(green, blue);
    expect(routesOf(table)).toEqual(['shop.example -> shop_10000']);
    expect(bindsOf(table)).toEqual(['*:10000 -> shop_10000']);
    expect(table.value.backends[0]).toMatchObject({
      app: '/shop',
      profile: { balance: 'roundrobin' },
      origin: { from: 'app', app: '/shop-blue' },
    });
    expect(table.value.appIds).toEqual([{ appId: '/shop', backend: 'shop_10000', app: '/shop' }]);
    expect([ready, maint]).toEqual([['shop-blue.0', 'shop-blue.1', 'shop-blue.2'], []]);
    expect(table.problems).toEqual([]);
  });

  test('a lone member goes by the group’s name too', () => {
    const { table } = served(
      colour('/shop-blue', undefined, { tasks: 1, extra: { HAPROXY_DEPLOYMENT_GROUP: '/prod/shop' } }),
    );
    expect(routesOf(table)).toEqual(['shop.example -> prod_shop_10000']);
  });
});

describe('old tasks leave as new ones take their place', () => {
  const blue = (tasks: number) => colour('/shop-blue', '2024-01-01T00:00:00', { tasks, extra: zdd('3') });
  const green = (tasks: number, healthy = tasks) =>
    colour('/shop-green', '2024-02-01T00:00:00', { tasks, healthy, extra: zdd('3') });

  const rows: readonly (readonly [string, App, App, readonly string[]])[] = [
    ['no new one yet', blue(3), green(0), []],
    ['a new one that is not healthy does not count', blue(3), green(1, 0), []],
    ['one new one, one old one leaves, the first by id', blue(3), green(1), ['shop-blue.0']],
    ['two', blue(3), green(2), ['shop-blue.0', 'shop-blue.1']],
    ['all', blue(3), green(3), ['shop-blue.0', 'shop-blue.1', 'shop-blue.2']],
    ['with old ones missing, the wanted total is kept first', blue(2), green(1), []],
    ['more new ones than old ones', blue(1), green(5), ['shop-blue.0']],
  ];
  test.each(rows)('%s', (_, old, fresh, leaving) => {
    expect(served(old, fresh).maint).toEqual(leaving);
  });

  test('without NEW_INSTANCES one task in all is wanted', () => {
    const old = colour('/shop-blue', '2024-01-01T00:00:00', { tasks: 3 });
    expect(served(old, colour('/shop-green', '2024-02-01T00:00:00', { tasks: 2 })).maint).toEqual([
      'shop-blue.0',
      'shop-blue.1',
    ]);
  });

  test('without health checks only tasks that run count, never configured ones', () => {
    const old = colour('/shop-blue', '2024-01-01T00:00:00', { tasks: 1, healthChecks: [], extra: zdd('1') });
    const starting = app('/shop-green', {
      labels: Object.fromEntries(colour('/x', '2024-02-01T00:00:00', { tasks: 0, extra: zdd('1') }).labels),
      tasks: [task('shop-green.0', { state: 'starting', endpoints: [] }), task('shop-green.1', { endpoints: [] })],
    });
    expect(served(old, { ...starting, instances: 5 })).toMatchObject({ ready: ['shop-blue.0'], maint: [] });
  });

  test('building twice changes nothing: inputs are left alone', () => {
    const apps = [blue(3), green(2)];
    const first = served(...apps);
    expect(served(...apps)).toEqual(first);
    expect(apps[0]?.tasks).toHaveLength(3);
  });

  test('scaling the previous colour last takes the deployment back', () => {
    const old = colour('/shop-blue', '2024-01-01T00:00:00', {
      tasks: 3,
      scaledAt: '2024-03-01T00:00:00.000Z',
      extra: zdd('3'),
    });
    const fresh = colour('/shop-green', '2024-02-01T00:00:00', {
      tasks: 2,
      scaledAt: '2024-02-15T00:00:00.000Z',
      extra: zdd('3'),
    });
    expect(served(old, fresh).maint).toEqual(['shop-green.0', 'shop-green.1']);
  });

  test('dates with and without zone are comparable; without dates the first by id is the new one', () => {
    const zoned = colour('/shop-blue', '2024-02-01T02:00:00+02:00', { tasks: 1 });
    expect(served(zoned, colour('/shop-green', '2024-02-01T00:00:01', { tasks: 1 })).maint).toEqual(['shop-blue.0']);
    expect(
      served(colour('/shop-a', undefined, { tasks: 1 }), colour('/shop-b', undefined, { tasks: 1 })).maint,
    ).toEqual(['shop-b.0']);
  });

  test('three members: all but the newest are old', () => {
    const [a, b, c] = ['2024-01-01', '2024-02-01', '2024-03-01'].map((date, index) =>
      colour(`/shop-${index}`, date, { tasks: 1, extra: zdd('2') }),
    ) as [App, App, App];
    expect(served(c, a, b)).toMatchObject({ maint: ['shop-0.0'], ready: ['shop-1.0', 'shop-2.0'] });
  });
});

describe('members that do not fit are routed by themselves', () => {
  const blue = colour('/shop-blue', '2024-01-01T00:00:00', { tasks: 1, version: '2023-01-01T00:00:00.000Z' });
  test.each([
    ['a date that is none', { HAPROXY_DEPLOYMENT_STARTED_AT: 'yesterday' }],
    ['no wanted total', { HAPROXY_DEPLOYMENT_NEW_INSTANCES: '1' }],
    ['a wanted total that is no number', zdd('many')],
  ])('%s', (_, extra) => {
    const { table, ready, maint } = served(blue, colour('/shop-green', '2024-02-01', { tasks: 1, extra }));
    expect(codesOf(table)).toContain(`DeploymentGroupInvalid ${Object.keys(extra)[0]}`);
    expect(routesOf(table)).toEqual(['shop.example -> shop_10000']);
    expect([ready, maint]).toEqual([['shop-blue.0', 'shop-green.0'], []]);
    expect(bindsOf(table)).toEqual(['*:10000 -> shop_10000']);
  });

  test('a group cannot take the name of an app outside of it', () => {
    const victim = app('/shop', { labels: { HAPROXY_0_VHOST: 'shop.example' }, version: '2025-01-01T00:00:00.000Z' });
    const { table } = served(victim, blue);
    expect(codesOf(table)).toContain('DeploymentGroupInvalid HAPROXY_DEPLOYMENT_GROUP');
    expect(table.value.backends.map(({ app: owner }) => owner)).toEqual(['/shop-blue', '/shop']);
    expect(table.value.backends.find(({ app: owner }) => owner === '/shop')?.servers).toHaveLength(1);
  });

  test('an empty or unfit group name leaves the app by itself', () => {
    const { table } = served(colour('/shop-blue', undefined, { tasks: 1, extra: { HAPROXY_DEPLOYMENT_GROUP: '' } }));
    expect(routesOf(table)).toEqual(['shop.example -> shop-blue_10000']);
    expect(codesOf(table)).toEqual(['LabelInvalid HAPROXY_DEPLOYMENT_GROUP']);
  });
});
