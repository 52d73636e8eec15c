import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import { keepIdentity, NO_LOOKUPS, parseSnapshot, wantedHosts, wantedVersions } from '../../../src/core/snapshot.ts';

const V1 = '2020-03-02T10:00:00.123Z';
const V2 = '2020-03-02T11:30:00.456Z';
const V3 = '2020-03-02T12:30:00.456Z';

test('wanted are the definitions older than the last change of configuration, each once', () => {
  const tasks = [V2, V1, V3, V1, undefined, '../x'].map((version, index) => ({ id: `t.${index}`, version }));
  const apps = [
    { id: '/b', version: V3, versionInfo: { lastConfigChangeAt: V2, lastScalingAt: V3 }, tasks },
    { id: 'a', version: V3, tasks },
    { id: '/no-version', tasks },
    { id: '', version: V3, tasks },
    { version: V3, tasks },
    'not an app',
    null,
    { id: '/c', version: V3, tasks: 'none' },
  ];
  const wanted = [
    { app: '/a', version: V1 },
    { app: '/a', version: V2 },
    { app: '/b', version: V1 },
  ];
  expect(wantedVersions(apps)).toEqual(wanted);
  expect(wantedVersions(apps.toReversed())).toEqual(wanted);
});

test('wanted are the agents that go by a name', () => {
  const hosts = [
    'b.example',
    'a.example',
    'b.example',
    'Agent_7',
    'srv',
    '10.0.0.1',
    'fd00::1',
    '[fd00::1]',
    '0.0.0.0',
    '10.0.0',
    '12345',
    'x.0x7f',
    '10.0.0.256',
    '-x',
    'a b',
    'a/b',
    '',
    null,
    7,
    'x'.repeat(254),
  ];
  expect(wantedHosts([{ tasks: hosts.map((host) => ({ host })) }, 7, { tasks: [null, 'x', {}] }])).toEqual([
    'Agent_7',
    'a.example',
    'b.example',
    'srv',
  ]);
});

const read = (apps: unknown, at: number) => {
  const answer = parseSnapshot(apps, at as Instant, NO_LOOKUPS);
  if (!answer.ok) throw new Error(answer.failure.detail);
  return answer.value.value;
};
const web = (id: string, port: number, label = 'x') => ({
  id,
  portDefinitions: [{ port: 10000 }],
  labels: { HAPROXY_GROUP: label },
  tasks: [{ id: 'web.1', host: '10.0.0.1', ports: [port], state: 'TASK_RUNNING' }],
});

test('unchanged apps keep their identity, changed ones do not', () => {
  const before = read([web('/a', 31000), web('/b', 31001), web('/c', 31002), web('/gone', 31003)], 1);
  const next = read([web('/a', 31000), web('/b', 31009), web('/c', 31002, 'y'), web('/new', 31004)], 2);
  const kept = keepIdentity(before, next);
  expect(kept).toEqual(next);
  expect(kept.takenAt).toBe(2);
  expect(kept.apps.map(({ id }) => id)).toEqual(['/a', '/b', '/c', '/new']);
  expect(kept.apps.map((app) => before.apps.includes(app))).toEqual([true, false, false, false]);
  expect(kept.apps[1]).toBe(next.apps[1]);
});

test('a label that moves from one name to another is a change', () => {
  const before = read([{ id: '/a', labels: { x: '1' } }], 1);
  const kept = keepIdentity(before, read([{ id: '/a', labels: { y: '1' } }], 2));
  expect(kept.apps[0]?.labels.get('y')).toBe('1');
});

test('the first snapshot is kept as it is', () => {
  const first = read([web('/a', 31000)], 1);
  expect(keepIdentity(undefined, first)).toBe(first);
});
