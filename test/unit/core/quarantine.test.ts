import { expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import type { Quarantined } from '../../../src/core/quarantine.ts';
import {
  changedApps,
  quarantineProblem,
  sharingProfiles,
  voiceBefore,
  withoutApps,
} from '../../../src/core/quarantine.ts';
import { profileName } from '../../../src/core/template-views.ts';
import { app, appId, build, routesOf, task } from './table-rig.ts';

const web = (id: string, host: string, labels: Readonly<Record<string, string>> = {}) =>
  app(id, { labels: { HAPROXY_0_VHOST: host, ...labels }, ports: [10_000 + id.length] });
const shop = (id: string, labels: Readonly<Record<string, string>> = {}) =>
  app(id, {
    labels: { HAPROXY_DEPLOYMENT_GROUP: 'shop', HAPROXY_0_VHOST: 'shop.example', ...labels },
    ports: [10_100],
  });
const blue = shop('/shop-blue', { HAPROXY_DEPLOYMENT_STARTED_AT: '2026-01-01' });
const green = shop('/shop-green', { HAPROXY_DEPLOYMENT_STARTED_AT: '2026-02-01' });

test('without some apps everything else stays', () => {
  const table = build([blue, web('/a', 'a.example')]);
  const rest = withoutApps(table.value, new Set([appId('/a')]));
  expect(routesOf({ ...table, value: rest })).toEqual(['shop.example -> shop_10100']);
  expect([rest.backends, rest.services, rest.appIds].map(({ length }) => length)).toEqual([1, 1, 1]);
  expect(withoutApps(table.value, new Set())).toBe(table.value);
});

test('a deployment group goes with the member whose lines are its own, and with no other', () => {
  const table = build([blue, green]).value;
  expect(withoutApps(table, new Set([blue.id])).backends).toEqual([]);
  expect(withoutApps(table, new Set([green.id])).backends).toHaveLength(1);
});

test('an app is changed when anything it has is not as it was, servers included', () => {
  const [a, b] = [web('/a', 'a.example'), web('/bb', 'b.example')];
  const before = build([a, b]).value;
  const after = build([a, { ...b, tasks: [task('t9')] }]).value;
  expect(changedApps(before, after)).toEqual(['/bb']);
  expect(changedApps(undefined, after)).toEqual(['/a', '/bb']);
  expect(changedApps(after, after)).toEqual([]);
});

test('of a deployment group the member is told that speaks for it, now and before', () => {
  const before = build([blue, green]).value;
  const after = build([green]).value;
  expect(changedApps(before, after)).toEqual(['/shop-green']);
  expect(voiceBefore(green.id, after, before)).toBe('/shop-blue');
  expect(voiceBefore(appId('/elsewhere'), after, before)).toBe('/elsewhere');
});

test('a profile is of all who go by it', () => {
  const table = build([
    web('/a', 'a.example', { HAPROXY_0_BALANCE: 'hdr(x)' }),
    web('/bb', 'b.example', { HAPROXY_0_BALANCE: 'hdr(x)' }),
    web('/ccc', 'c.example'),
  ]).value;
  const [first] = table.backends;
  const name = first === undefined ? '' : profileName(first.profile);
  expect([...sharingProfiles(table, new Set([name]))]).toEqual(['/a', '/bb']);
  expect(sharingProfiles(table, new Set()).size).toBe(0);
});

const entry: Quarantined = { step: 'definition', asked: '', since: 0, message: 'its words' };

test.each([
  ['definition', 'value-ignored', 'HAProxy refused what /a asks for, its last good form serves on: its words'],
  ['servers', 'value-ignored', 'HAProxy refused what /a asks for, its last good form serves on: its words'],
  ['out', 'app-excluded', 'HAProxy refused what /a asks for, and the app is left out: its words'],
] as const)('an app held at its %s costs as much as it says: %s', (step, effect, message) => {
  expect(quarantineProblem('/a' as AppId, { ...entry, step })).toEqual({
    code: 'Quarantined',
    effect,
    message,
    origin: { from: 'app', app: '/a' },
  });
});

test('the label and its value are shown where they are known', () => {
  const shown = quarantineProblem('/a' as AppId, { ...entry, label: 'HAPROXY_0_BALANCE', value: 'hdr(x)' });
  expect(shown).toMatchObject({ origin: { from: 'label', app: '/a', label: 'HAPROXY_0_BALANCE' }, value: 'hdr(x)' });
});
