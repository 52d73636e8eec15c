import { expect, test } from 'vitest';
import { losesUnproven } from '../../../src/core/unproven-losses.ts';
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
  expect(losesUnproven(build([BEFORE, other]).value, build([after, other]).value)).toBe(loses);
});

test('an app that comes or goes has nothing to lose that it still asks for', () => {
  const [both, one] = [build([BEFORE, other]).value, build([other]).value];
  expect(losesUnproven(both, one)).toBe(false);
  expect(losesUnproven(one, both)).toBe(false);
  expect(losesUnproven(both, both)).toBe(false);
});
