import { describe, expect, test } from 'vitest';
import type { HealthCheck, Task } from '../../../src/core/app.ts';
import { type AppInput, app, build, check, codesOf, endpoint, task, version } from './table-rig.ts';

const HOST = { HAPROXY_0_VHOST: 'a.example' };
/** The backend of an app's port 0, and the check of its first server. */
function checked(input: AppInput, own: Partial<Omit<Task, 'id'>> = {}) {
  const one = task('t', { health: 'healthy', healthChecks: input.healthChecks ?? [], ...own });
  const table = build([app('/web', { tasks: [one], ...input })]);
  const backend = table.value.backends.find(({ portIndex }) => portIndex === 0);
  return { table, profile: backend?.profile, path: backend?.checkPath, server: backend?.servers[0]?.check };
}

describe('kind of check', () => {
  const rows: readonly (readonly [HealthCheck['protocol'], 'http' | 'tcp', string, boolean | undefined])[] = [
    ['HTTP', 'http', 'http', false],
    ['MESOS_HTTP', 'http', 'http', false],
    ['HTTPS', 'http', 'https', true],
    ['MESOS_HTTPS', 'http', 'https', true],
    ['TCP', 'http', 'tcp', false],
    ['MESOS_TCP', 'http', 'tcp', false],
    ['HTTP', 'tcp', 'tcp', false],
    ['HTTPS', 'tcp', 'tcp', false],
    ['TCP', 'tcp', 'tcp', false],
    ['COMMAND', 'http', 'none', undefined],
  ];
  test.each(rows)('%s in mode %s is %s', (protocol, mode, kind, tls) => {
    const labels = { HAPROXY_0_MODE: mode };
    const { profile, server } = checked({ labels, healthChecks: [check({ protocol })] });
    expect(profile?.check).toBe(kind);
    expect(server?.tls).toBe(tls);
  });

  test('the first check with this index or a literal port is the one', () => {
    const healthChecks = [
      check({ protocol: 'COMMAND' }),
      check({ portIndex: 1, path: '/1' }),
      check({ path: '/a' }),
      check({ path: '/b' }),
    ];
    expect(checked({ labels: HOST, ports: [1_000, 1_001], healthChecks }).path).toBe('/a');
    const literal = check({ port: 9_000, path: '/literal' });
    expect(checked({ labels: HOST, healthChecks: [literal, check({ path: '/a' })] }).path).toBe('/literal');
  });

  test('a check that names no port means port 0', () => {
    const { portIndex: _, ...nowhere } = check({ path: '/x' });
    expect(checked({ healthChecks: [nowhere] }).path).toBe('/x');
  });
});

describe('words of a check', () => {
  test.each([
    [0, 2],
    [2, 2],
    [3, 5],
    [5, 5],
    [10, 10],
    [15, 20],
    [20, 20],
    [21, 60],
    [300, 60],
  ])('a timeout of %i s is class %i', (timeoutSeconds, expected) => {
    expect(checked({ healthChecks: [check({ timeoutSeconds })] }).profile?.checkTimeout).toBe(expected);
  });

  test.each([
    [10, 3, 10_000, 4],
    [60, 0, 60_000, 1],
    [0, -5, 1_000, 1],
    [0.5, 3, 1_000, 4],
    [1e9, 1e9, 86_400_000, 1_000],
    [Number.NaN, Number.NaN, 1_000, 1],
  ])('interval %d s and %d failures', (intervalSeconds, maxConsecutiveFailures, interMs, fall) => {
    expect(checked({ healthChecks: [check({ intervalSeconds, maxConsecutiveFailures })] }).server).toMatchObject({
      interMs,
      fall,
    });
  });

  test.each([
    '',
    'health',
    '/a b',
    '/a"b',
    "/a'b",
    '/a\nhttp-check x',
    '/a\\b',
    '/%[env(PATH)]',
    '/#',
    `/${'a'.repeat(1_024)}`,
  ])('the path %j cannot be copied', (path) => {
    const { table, path: copied } = checked({ healthChecks: [check({ path })] });
    expect(copied).toBe('/');
    expect(table.problems).toMatchObject([
      { code: 'CheckInvalid', effect: 'value-ignored', origin: { from: 'app', app: '/web' } },
    ]);
  });
  test.each(['/health', '/health?deep=1&x=%20', '/a/(b)/c;d', '/'])('the path %j is copied', (path) => {
    const { table, path: copied } = checked({ healthChecks: [check({ path })] });
    expect(copied).toBe(path);
    expect(table.problems).toEqual([]);
  });
});

describe('where a check is made', () => {
  test('on the server’s own port by default', () => {
    expect(checked({ healthChecks: [check()] }).server).not.toHaveProperty('port');
  });

  test('on a literal port of the host', () => {
    expect(checked({ healthChecks: [check({ port: 9_000 })] }).server?.port).toBe(9_000);
    expect(checked({ healthChecks: [check({ port: 31_000 })] }).server).not.toHaveProperty('port');
  });

  test('on a literal port of the container, translated where it is behind a host port', () => {
    const container: AppInput = {
      network: 'container',
      ports: [
        { servicePort: 1_000, containerPort: 80 },
        { servicePort: 1_001, containerPort: 81 },
      ],
    };
    const behind = { endpoints: [endpoint(0, 31_000), endpoint(1, 31_001)] };
    expect(checked({ ...container, healthChecks: [check({ port: 81 })] }, behind).server?.port).toBe(31_001);
    expect(checked({ ...container, healthChecks: [check({ port: 80 })] }, behind).server).not.toHaveProperty('port');
    expect(checked({ ...container, healthChecks: [check({ port: 9_000 })] }, behind).server).toBeUndefined();
    const own = { endpoints: [endpoint(0, 80, '192.168.0.1'), endpoint(1, 81, '192.168.0.1')] };
    expect(checked({ ...container, healthChecks: [check({ port: 9_000 })] }, own).server?.port).toBe(9_000);
  });

  test('on another port’s endpoint by BACKEND_HEALTHCHECK_PORT_INDEX', () => {
    const labels = { ...HOST, HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1' };
    const input: AppInput = { labels, ports: [1_000, 1_001], healthChecks: [check({ portIndex: 1, path: '/1' })] };
    const both = { endpoints: [endpoint(0, 31_000), endpoint(1, 31_001)] };
    expect(checked(input, both)).toMatchObject({ path: '/1', profile: { check: 'http' }, server: { port: 31_001 } });
    expect(checked(input).server).toBeUndefined();
    const elsewhere = { endpoints: [endpoint(0, 31_000), endpoint(1, 31_001, '10.0.0.9')] };
    expect(checked(input, elsewhere).server).toBeUndefined();
  });

  test('an index beyond the ports is told and ignored', () => {
    const labels = { HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1' };
    const { table, server } = checked({ labels, healthChecks: [check()] });
    expect(codesOf(table)).toEqual(['LabelInvalid HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX']);
    expect(server).toMatchObject({ interMs: 10_000 });
    const beyond = checked({ labels, healthChecks: [check({ portIndex: 1 })] });
    expect(beyond.profile).toMatchObject({ mode: 'tcp', check: 'none' });
  });
});

describe('each task is checked as its own version says', () => {
  const now = (input: Partial<HealthCheck>) => ({ labels: HOST, healthChecks: [check(input)] });
  const launchedWith = (...healthChecks: readonly HealthCheck[]) => ({
    version: version('2020-01-01T00:00:00.000Z'),
    healthChecks,
  });

  test('own path, interval and port', () => {
    const { server, path } = checked(
      now({ path: '/new', port: 9_999 }),
      launchedWith(check({ path: '/old', intervalSeconds: 30 })),
    );
    expect(path).toBe('/new');
    expect(server).toEqual({ tls: false, interMs: 30_000, fall: 4, path: '/old' });
  });

  test.each([
    ['HTTP', 'HTTPS', { tls: true }],
    ['HTTPS', 'HTTP', { tls: false }],
    ['TCP', 'HTTP', { tls: false }],
  ] as const)('now %s, then %s', (present, past, expected) => {
    const { server } = checked(now({ protocol: present }), launchedWith(check({ protocol: past })));
    expect(server).toMatchObject(expected);
    expect(server).not.toHaveProperty('path');
  });

  test.each([
    ['a TCP check under an HTTP one', [check({ protocol: 'TCP' })]],
    ['no check, or a version that is unknown', []],
    ['a COMMAND check', [check({ protocol: 'COMMAND' })]],
  ])('%s: not checked', (_, own) => {
    expect(checked(now({}), launchedWith(...own)).server).toBeUndefined();
  });

  test('a check that the present version no longer has is dropped', () => {
    expect(checked({ labels: HOST }, launchedWith(check())).server).toBeUndefined();
  });

  test('a bad path of an old version is / for its server alone', () => {
    expect(checked(now({ path: '/new' }), launchedWith(check({ path: 'x y' }))).server?.path).toBe('/');
  });
});
