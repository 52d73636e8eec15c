import { expect, test } from 'vitest';
import { unprovenLosses } from '../../../src/core/unproven-losses.ts';
import { app, build, task } from './table-rig.ts';

type Labels = Readonly<Record<string, string>>;
const web = (labels: Labels, tasks: readonly string[] = ['t1', 't2'], port = 10_001) =>
  app('/web', { labels, ports: [port], tasks: tasks.map((id) => task(id, { host: id })) });
const other = app('/other', { labels: { HAPROXY_0_VHOST: 'other.example' }, ports: [10_900], tasks: [task('o1')] });
const BEFORE = web({ HAPROXY_0_VHOST: 'web.example' });

test.each<[string, ReturnType<typeof web>, boolean]>([
  ['nothing changes', BEFORE, false],
  ['it only loses a server', web({ HAPROXY_0_VHOST: 'web.example' }, ['t1']), false],
  ['it only loses a host', web({ HAPROXY_0_VHOST: 'elsewhere.example' }), false],
  [
    'its lines change, and it loses nothing',
    web({ HAPROXY_0_VHOST: 'web.example', HAPROXY_0_HTTP_BACKEND_REDIR: '/x' }),
    false,
  ],
  [
    'its lines change, and it loses a host',
    web({ HAPROXY_0_VHOST: 'new.example', HAPROXY_0_HTTP_BACKEND_REDIR: '/x' }),
    true,
  ],
  [
    'its lines change, and it loses a server',
    web({ HAPROXY_0_VHOST: 'web.example', HAPROXY_0_BALANCE: 'source' }, ['t2']),
    true,
  ],
  ['its backend gets another name', web({ HAPROXY_0_VHOST: 'web.example', HAPROXY_0_PORT: '9000' }), true],
  [
    'its frontend changes, and it loses a host',
    web({ HAPROXY_0_VHOST: 'new.example', HAPROXY_0_BIND_ADDR: '10.0.0.9' }),
    true,
  ],
])('%s', (_, after, loses) => {
  const found = unprovenLosses(build([BEFORE, other]).value, build([after, other]).value);
  expect(found !== undefined).toBe(loses);
});

test('an app that comes or goes has nothing to lose that it still asks for', () => {
  const [both, one] = [build([BEFORE, other]).value, build([other]).value];
  expect(unprovenLosses(both, one)).toBeUndefined();
  expect(unprovenLosses(one, both)).toBeUndefined();
  expect(unprovenLosses(both, both)).toBeUndefined();
});

test('who only loses a task meanwhile loses by the same lines', () => {
  const before = build([BEFORE, other]).value;
  const labels = { HAPROXY_0_VHOST: 'new.example', HAPROXY_0_HTTP_BACKEND_REDIR: '/x' };
  const after = (tasks: readonly string[]) => unprovenLosses(before, build([web(labels, tasks), other]).value);
  expect(after(['t1'])).toBe(after(['t1', 't2']));
  expect(after(['t1'])).toContain('/x');
});

test('what somebody else has waited for is lost as well', () => {
  const waiting = app('/waiting', { labels: { HAPROXY_0_VHOST: 'web.example' }, ports: [10_800], version: '2030' });
  const before = build([BEFORE, waiting]);
  const labels = { HAPROXY_0_VHOST: 'new.example', HAPROXY_0_HTTP_BACKEND_REDIR: '/x' };
  const after = build([web(labels), waiting], { memory: before.memory });
  expect(after.value.routes.map(({ host, app: owner }) => `${host} ${owner}`)).toContain('web.example /waiting');
  expect(unprovenLosses(before.value, after.value)).toContain('/web');
});
