import { describe, expect, test } from 'vitest';
import type { App, AppId, Version } from '../../../src/core/app.ts';
import { losses, servedLosses, weightsOf } from '../../../src/core/losses.ts';
import type { Served } from '../../../src/core/served.ts';
import { scriptedApp, snapshotOf } from '../../support/scripted-core.ts';

const list = (...apps: App[]): readonly App[] => snapshotOf(apps).apps;
const lost = (before: readonly App[], after: readonly App[]): readonly string[] =>
  losses(before, after).map(({ id }) => id);

describe('what an answer lacks', () => {
  const web = scriptedApp('/web', 2);
  const bare: App = { ...web, tasks: [] };
  const cases: readonly [string, App, App | undefined, readonly string[]][] = [
    ['the same app', web, web, []],
    ['an equal app', web, scriptedApp('/web', 2), []],
    ['no app', web, undefined, ['/web']],
    ['the app without a task', web, bare, ['/web']],
    ['the app with one task of two', web, { ...web, tasks: web.tasks.slice(1) }, []],
    ['the app without a task, as before', bare, { ...bare }, []],
    ['a suspended app', web, { ...bare, instances: 0 }, []],
    ['an app without a task that is being deployed', web, { ...bare, deployments: ['d1'] }, []],
    ['an app without a task whose definition is another', web, { ...bare, configVersion: '2027' as Version }, []],
    ['an app with other labels', web, { ...web, labels: new Map() }, []],
  ];
  for (const [name, before, after, expected] of cases) {
    test(`${name}: ${expected.length === 0 ? 'nothing' : expected.join(', ')}`, () => {
      const others = [scriptedApp('/a'), scriptedApp('/z')];
      expect(lost(list(before, ...others), list(...(after === undefined ? [] : [after]), ...others))).toEqual(expected);
    });
  }

  test('new apps are no loss, and all of them may be lost at once', () => {
    const all = list(...['/a', '/b', '/c'].map((id) => scriptedApp(id)));
    expect(lost([], all)).toEqual([]);
    expect(lost(all, [])).toEqual(['/a', '/b', '/c']);
  });
});

const served: Served = {
  routes: [
    { match: 'host', host: 'a.example', ignoreCase: false, backend: 'a_1', app: '/a' as AppId },
    { match: 'host', host: 'a2.example', ignoreCase: false, backend: 'a_1', app: '/a' as AppId },
    { match: 'host', host: 'b.example', ignoreCase: false, backend: 'b_1', app: '/b' as AppId },
    { match: 'host', host: 'c.example', ignoreCase: false, backend: 'nowhere', app: '/c' as AppId },
    { match: 'host', host: 'x.example', ignoreCase: false, backend: 'a_1' },
  ],
  services: [
    { address: '*', port: 1, backend: 'a_1', app: '/a' as AppId },
    { address: '*', port: 2, backend: 'd_1', app: '/d' as AppId },
  ],
  backends: new Map([
    ['a_1', { servers: [{ name: 's', endpoint: '10.0.0.1:1' }] }],
    ['b_1', { servers: [] }],
    ['d_1', { servers: [{ name: 's', endpoint: '10.0.0.1:2' }] }],
  ]),
};

test('an app weighs its routes and service ports that lead to servers', () => {
  expect([...weightsOf(served)]).toEqual([
    ['/a', 3],
    ['/d', 1],
  ]);
});

test('of what HAProxy serves, missing apps and those without a task are lost', () => {
  const weights = weightsOf(served);
  expect(servedLosses(weights, list(scriptedApp('/a'), scriptedApp('/d')))).toEqual([]);
  expect(servedLosses(weights, list(scriptedApp('/d')))).toEqual(['/a']);
  expect(servedLosses(weights, list({ ...scriptedApp('/a'), tasks: [] }))).toEqual(['/a', '/d']);
  expect(servedLosses(weights, list({ ...scriptedApp('/a', 0) }, scriptedApp('/d')))).toEqual([]);
});
