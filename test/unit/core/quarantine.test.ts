import { expect, test } from 'vitest';
import { answerable, definitionsOf, unchangedApps, withoutApps } from '../../../src/core/quarantine.ts';
import { app, appId, build, routesOf, task } from './table-rig.ts';

const web = (id: string, host: string) => app(id, { labels: { HAPROXY_0_VHOST: host }, ports: [10_000 + id.length] });
const blue = app('/shop-blue', {
  labels: { HAPROXY_DEPLOYMENT_GROUP: 'shop', HAPROXY_0_VHOST: 'shop.example' },
  ports: [10_100],
});

test('what an app asks for does not depend on its servers', () => {
  const one = app('/a', { tasks: [task('t1')] });
  const table = build([one]).value;
  const scaled = build([{ ...one, tasks: [task('t1'), task('t2', { host: 'agent2' })] }]).value;
  const moved = build([app('/a', { tasks: [task('t1')], labels: { HAPROXY_0_PORT: '9000' } })]).value;
  const asked = (of: typeof table) => definitionsOf(of, [appId('/a')]).get(appId('/a'));
  expect(asked(scaled)).toBe(asked(table));
  expect(asked(moved)).not.toBe(asked(table));
});

test('several apps are told apart, and one that has nothing asks for nothing', () => {
  const table = build([web('/a', 'a.example'), web('/bb', 'b.example')]).value;
  const asked = definitionsOf(table, [appId('/a'), appId('/bb'), appId('/gone')]);
  expect([...asked.keys()]).toEqual(['/a', '/bb', '/gone']);
  expect(asked.get(appId('/a'))).toContain('a.example');
  expect(asked.get(appId('/a'))).not.toContain('b.example');
  expect(asked.get(appId('/gone'))).toBe('[]');
});

test('a deployment group answers for the member whose lines are its own', () => {
  const { value } = build([blue, web('/a', 'a.example')]);
  expect([...answerable(value, new Set([appId('/shop-blue')]))]).toEqual(['/shop-blue', '/shop']);
  expect([...answerable(value, new Set([appId('/a')]))]).toEqual(['/a']);
  expect(answerable(value, new Set()).size).toBe(0);
});

test('without some apps everything else stays', () => {
  const table = build([blue, web('/a', 'a.example')]);
  const rest = withoutApps(table.value, new Set([appId('/shop')]));
  expect(routesOf({ ...table, value: rest })).toEqual(['a.example -> a_10002']);
  expect([rest.backends, rest.services, rest.appIds].map(({ length }) => length)).toEqual([1, 1, 1]);
  expect(withoutApps(table.value, new Set())).toBe(table.value);
});

test('an app is unchanged when all it has is as it was, servers included', () => {
  const [a, b] = [web('/a', 'a.example'), web('/bb', 'b.example')];
  const before = build([a, b]).value;
  const after = build([a, { ...b, tasks: [] }]).value;
  expect([...unchangedApps(before, after)]).toEqual(['/a']);
  expect(unchangedApps(undefined, after).size).toBe(0);
});
