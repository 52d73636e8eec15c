import { describe, expect, test } from 'vitest';
import { createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import type { Backend } from '../../../src/core/routing.ts';
import {
  type AppInput,
  app,
  appId,
  bindsOf,
  build,
  CERTIFICATES,
  check,
  codesOf,
  endpoint,
  routesOf,
  SETTINGS,
  snapshot,
  task,
} from './table-rig.ts';

const label = (name: string, value: string, input: AppInput = {}) =>
  app('/web', { ...input, labels: { [name]: value } });
const backendOf = (...args: Parameters<typeof build>): Backend | undefined => build(...args).value.backends[0];

describe('which apps and ports are served', () => {
  test.each([
    [['external'], { HAPROXY_GROUP: 'external' }, true],
    [['external'], { HAPROXY_GROUP: 'internal, external' }, true],
    [['external'], { HAPROXY_GROUP: 'External' }, false],
    [['external'], {}, false],
    [['external'], { HAPROXY_GROUP: '*' }, false],
    [['*'], {}, true],
    [['external'], { HAPROXY_GROUP: 'internal', HAPROXY_0_GROUP: 'external' }, true],
    [['external'], { HAPROXY_GROUP: 'external', HAPROXY_0_GROUP: '' }, false],
    [['a', 'external'], { HAPROXY_GROUP: 'external' }, true],
    [['external'], { HAPROXY_GROUP: 'external', HAPROXY_0_ENABLED: 'false' }, false],
  ])('groups %j, labels %j: %s', (group, labels, served) => {
    expect(build([app('/web', { labels })], { settings: { group } }).value.services).toHaveLength(served ? 1 : 0);
  });

  test('strict mode serves only what is enabled', () => {
    const strict = { settings: { strictMode: true } };
    expect(bindsOf(build([app('/web')], strict))).toEqual([]);
    expect(bindsOf(build([label('HAPROXY_0_ENABLED', 'true')], strict))).toEqual(['*:10000 -> web_10000']);
  });

  test('ports of one app may be in different groups', () => {
    const labels = { HAPROXY_0_GROUP: 'internal', HAPROXY_1_GROUP: 'external' };
    expect(
      bindsOf(build([app('/web', { ports: [1_000, 1_001], labels })], { settings: { group: ['external'] } })),
    ).toEqual(['*:1001 -> web_1001']);
  });

  test('an app of another group gets no problems, however bad its labels are', () => {
    const labels = { HAPROXY_GROUP: 'other', HAPROXY_0_PORT: 'x', HAPROXY_0_FOO: 'x', HAPROXY_DEPLOYMENT_GROUP: '' };
    expect(build([app('/web', { labels })], { settings: { group: ['external'] } }).problems).toEqual([]);
    expect(build([app('/web', { labels })], { settings: { group: ['other'] } }).problems).toHaveLength(3);
  });

  test('a UDP port has no service, and that is told', () => {
    const table = build([app('/dns', { ports: [{ protocol: 'udp', servicePort: 53 }, 5_353] })]);
    expect(bindsOf(table)).toEqual(['*:5353 -> dns_5353']);
    expect(table.problems).toMatchObject([{ code: 'UdpNotProxied', effect: 'notice', origin: { app: '/dns' } }]);
  });

  test('an app whose id cannot name a backend is left out by itself', () => {
    const table = build([
      app('/we b\nfrontend x', { labels: { HAPROXY_0_VHOST: 'a.example' } }),
      app('/ok', { ports: [1_234] }),
    ]);
    expect(table.value.backends.map(({ name }) => name)).toEqual(['ok_1234']);
    expect(table.problems).toMatchObject([{ code: 'AppMalformed', effect: 'app-excluded' }]);
  });
});

describe('which tasks get traffic', () => {
  const states = ['running', 'unreachable', 'lost', 'other', 'staging', 'starting', 'killing', 'terminal'] as const;
  test.each(states)('state %s', (state) => {
    const served = ['running', 'unreachable', 'lost', 'other'].includes(state);
    const table = build([app('/web', { tasks: [task('t', { state })] })]);
    expect(table.value.backends).toHaveLength(served ? 1 : 0);
  });

  test.each([
    ['healthy', undefined, true],
    ['unhealthy', 'healthy', false],
    ['unknown', 'healthy', true],
    ['unknown', 'unhealthy', false],
    ['unknown', undefined, false],
    ['none', undefined, true],
  ] as const)('health %s, last seen %s: %s', (health, remembered, served) => {
    const one = task('t', { health });
    const verdicts = new Map(remembered === undefined ? [] : [[one.id, remembered]]);
    const apps = [app('/web', { tasks: [one] })];
    const table = build(apps, { memory: { ...NO_MEMORY, health: verdicts } });
    expect(bindsOf(table)).toHaveLength(served ? 1 : 0);
    expect(bindsOf(build(apps, { settings: { healthCheck: false } }))).toHaveLength(1);
  });

  test('a new leader that has forgotten all health changes nothing', () => {
    const before = build([app('/web', { tasks: [task('t', { health: 'healthy' })] })]);
    const after = build([app('/web', { tasks: [task('t', { health: 'unknown' })] })], { memory: before.memory });
    expect(after.value).toEqual(before.value);
    expect(after.memory.health).toBe(before.memory.health);
    expect(build([app('/web', { tasks: [] })], { memory: after.memory }).memory.health.size).toBe(0);
  });

  test('tasks out of touch are remembered for the next life, and only them', () => {
    const lost = task('t', { state: 'unreachable' });
    const before = build([app('/web', { tasks: [lost, task('u')] }), app('/other')]);
    expect([...before.memory.outOfTouch]).toEqual([['/web', { since: 0, tasks: [lost] }]]);
    const build2 = createBuilder();
    const first = build2(snapshot(app('/web', { tasks: [lost] })), SETTINGS, NO_CERTIFICATES, before.memory);
    const again = build2(snapshot(app('/web', { tasks: [lost] })), SETTINGS, NO_CERTIFICATES, first.memory);
    expect(again.memory.outOfTouch).toEqual(before.memory.outOfTouch);
    const ended = build2(snapshot(app('/web', { tasks: [task('u')] })), SETTINGS, NO_CERTIFICATES, again.memory);
    expect(ended.memory.outOfTouch.size).toBe(0);
    expect(build([], { memory: before.memory }).memory.outOfTouch.size).toBe(0);
    const none = build2(snapshot(app('/web')), SETTINGS, NO_CERTIFICATES, ended.memory);
    expect(none.memory.outOfTouch).toBe(ended.memory.outOfTouch);
  });

  test('tasks without address are told, one problem for each reason', () => {
    const missing = (id: string, because: 'no-ip-yet' | 'host-unresolvable' | 'not-active') =>
      task(id, { endpoints: [], missing: [{ portIndex: 0, because }] });
    const tasks = [missing('a', 'no-ip-yet'), missing('b', 'no-ip-yet'), missing('c', 'host-unresolvable'), task('d')];
    const table = build([app('/web', { tasks })]);
    expect(table.value.backends[0]?.servers.map(({ task: id }) => id)).toEqual(['d']);
    expect(table.problems.map(({ code, message }) => [code, message])).toEqual([
      ['HostUnresolvable', '/web: for port 0, agents have no known address: c on agent1 (host-unresolvable).'],
      ['NoAddress', '/web: for port 0, tasks have no address: a on agent1 (no-ip-yet), b on agent1 (no-ip-yet).'],
    ]);
  });
});

describe('without servers', () => {
  test('a port is closed, a host stays', () => {
    const table = build([
      label('HAPROXY_0_VHOST', 'a.example', { tasks: 0 }),
      app('/tcp', { ports: [5_000], tasks: 0 }),
    ]);
    expect(bindsOf(table)).toEqual([]);
    expect(routesOf(table)).toEqual(['a.example -> web_10000']);
    expect(table.value.backends.map(({ name, servers }) => [name, servers])).toEqual([['web_10000', []]]);
    expect(table.value.appIds).toEqual([{ appId: '/web', backend: 'web_10000', app: '/web' }]);
  });
});

describe('servers', () => {
  test('are sorted by agent and port, and named and numbered as marathon-lb does', () => {
    const at = (id: string, host: string, port: number) =>
      task(id, { host, endpoints: [endpoint(0, port, '1.1.1.1')] });
    const tasks = [at('c', 'agent2', 1_024), at('b', 'agent1', 31_000), at('a', 'agent1', 1_024)];
    const backend = backendOf([app('/web', { tasks })]);
    expect(backend?.servers.map(({ name, task: id }) => [name, id])).toEqual([
      ['agent1_1_1_1_1_1024', 'a'],
      ['agent1_1_1_1_1_31000', 'b'],
      ['agent2_1_1_1_1_1024', 'c'],
    ]);
    expect(backend?.servers[0]?.id).toBe(28_363);
    expect(backend?.servers[0]).not.toHaveProperty('cookie');
  });

  test('a sticky backend has cookies, in mode http only', () => {
    const labels = { HAPROXY_0_STICKY: 'true', HAPROXY_0_VHOST: 'a.example' };
    const tasks = [task('a', { endpoints: [endpoint(0, 1_024, '1.1.1.1')] })];
    const http = backendOf([app('/web', { labels, tasks })]);
    expect(http?.profile).toMatchObject({ sticky: true, check: 'tcp', checkTimeout: 2 });
    expect(http?.servers[0]).toMatchObject({ cookie: 'd6ad48c81f', check: { tls: false, interMs: 2_000, fall: 3 } });
    const tcp = build([label('HAPROXY_0_STICKY', 'true')]);
    expect(tcp.value.backends[0]?.profile).toMatchObject({ mode: 'tcp', sticky: false, check: 'tcp' });
    expect(tcp.value.backends[0]?.servers[0]).not.toHaveProperty('cookie');
    expect(codesOf(tcp)).toEqual(['LabelWithoutEffect HAPROXY_0_STICKY']);
  });

  test('two tasks on one address and port are one server: the one that runs', () => {
    const tasks = [task('lost', { state: 'lost' }), task('new', {}), task('zz', { state: 'unreachable' })];
    expect(backendOf([app('/web', { tasks })])?.servers.map(({ task: id }) => id)).toEqual(['new']);
  });
});

describe('mode', () => {
  const http = { HAPROXY_0_VHOST: 'a.example' };
  const portChecks = [check({ portIndex: 1, protocol: 'MESOS_HTTP' })];
  const rows: readonly (readonly [string, AppInput, 'http' | 'tcp'])[] = [
    ['nothing said', {}, 'tcp'],
    ['a vhost', { labels: http }, 'http'],
    ['MODE', { labels: { HAPROXY_0_MODE: 'HTTP' } }, 'http'],
    ['an HTTP check', { healthChecks: [check()] }, 'http'],
    ['an HTTPS check', { healthChecks: [check({ protocol: 'HTTPS' })] }, 'tcp'],
    ['a MESOS_HTTP check', { healthChecks: [check({ protocol: 'MESOS_HTTP' })] }, 'tcp'],
    ['MODE over an HTTP check', { healthChecks: [check()], labels: { HAPROXY_0_MODE: 'tcp' } }, 'tcp'],
    ['an HTTP check of another port', { ports: [1, 2], healthChecks: [check({ portIndex: 1 })] }, 'tcp'],
    ['a check with a literal port', { healthChecks: [check({ port: 9_999 })] }, 'http'],
    ['a COMMAND check', { healthChecks: [check({ protocol: 'COMMAND' })], labels: http }, 'http'],
    [
      'a borrowed check',
      { ports: [1_000, 1_001], healthChecks: portChecks, labels: { HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1' } },
      'http',
    ],
    [
      'a borrowed check over MODE',
      {
        ports: [1_000, 1_001],
        healthChecks: portChecks,
        labels: { HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX: '1', HAPROXY_0_MODE: 'tcp' },
      },
      'http',
    ],
  ];
  test.each(rows)('%s', (_, input, mode) => {
    expect(backendOf([app('/web', input)])?.profile.mode).toBe(mode);
  });

  test('hosts cannot lead to mode tcp: they are refused, the port is served', () => {
    const table = build([app('/web', { labels: { ...http, HAPROXY_0_MODE: 'tcp' } })]);
    expect(routesOf(table)).toEqual([]);
    expect(bindsOf(table)).toEqual(['*:10000 -> web_10000']);
    expect(table.problems).toMatchObject([
      { code: 'LabelWithoutEffect', effect: 'route-refused', origin: { label: 'HAPROXY_0_VHOST' } },
    ]);
  });

  test('a VHOST of which nothing is usable still makes the port http', () => {
    expect(backendOf([label('HAPROXY_0_VHOST', 'bad host!')])?.profile.mode).toBe('http');
  });

  test.each([',', ' ', ' , ,', '\u00a0'])('a VHOST of %j asks for no host, and that is told', (text) => {
    const table = build([label('HAPROXY_0_VHOST', text)]);
    expect(table.value.backends.map(({ profile }) => profile.mode)).toEqual(['tcp']);
    expect(codesOf(table)).toEqual(['LabelInvalid HAPROXY_0_VHOST']);
  });

  test('an empty VHOST is none', () => {
    const table = build([label('HAPROXY_0_VHOST', '')]);
    expect(table.value.backends.map(({ profile }) => profile.mode)).toEqual(['tcp']);
    expect(table.problems).toEqual([]);
  });
});

describe('hosts and paths', () => {
  test('one route for each host and prefix; a bad host costs only itself', () => {
    const labels = { HAPROXY_0_VHOST: 'B.example, a.example:80,bad host', HAPROXY_0_PATH: '/x /y' };
    const table = build([app('/web', { labels })]);
    expect(routesOf(table)).toEqual([
      'a.example/x -> web_10000',
      'a.example/y -> web_10000',
      'b.example/x -> web_10000',
      'b.example/y -> web_10000',
    ]);
    expect(codesOf(table)).toEqual(['LabelInvalid HAPROXY_0_VHOST']);
  });

  test('prefixes without regard to case', () => {
    expect(
      routesOf(build([app('/web', { labels: { HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: '-i /Api /API' } })])),
    ).toEqual(['a.example/API -i -> web_10000']);
  });

  test.each([
    ['prefix', ['a.example -> first_10000', 'a.example/api -> first_10000', 'a.example/api/ -> second_10001'], []],
    ['segment', ['a.example -> first_10000', 'a.example/api -> first_10000'], ['HostnameConflict HAPROXY_0_VHOST']],
  ] as const)('a slash at the end makes another prefix or not, by %s', (pathMatch, routes, problems) => {
    const on = (id: string, port: number, path: string) =>
      app(id, { ports: [port], labels: { HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: path } });
    const table = build([on('/first', 10_000, '/ /api'), on('/second', 10_001, '/api/')], { settings: { pathMatch } });
    expect(routesOf(table)).toEqual(routes);
    expect(codesOf(table)).toEqual(problems);
  });

  test('by segments, prefixes of one port that differ in slashes at the end only are one', () => {
    const labels = { HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: '/api/ /api // /api//' };
    const table = build([app('/web', { labels })], { settings: { pathMatch: 'segment' } });
    expect(routesOf(table)).toEqual(['a.example -> web_10000', 'a.example/api// -> web_10000']);
    expect(table.problems).toEqual([]);
  });

  test('a bad path refuses the hosts: the whole host was never meant', () => {
    const table = build([app('/web', { labels: { HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: 'api' } })]);
    expect(routesOf(table)).toEqual([]);
    expect(bindsOf(table)).toEqual(['*:10000 -> web_10000']);
    expect(table.problems).toMatchObject([{ code: 'LabelInvalid', effect: 'route-refused' }]);
  });

  test('two long lists do not multiply without end', () => {
    const list = (count: number, make: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => make(index));
    const labels = {
      HAPROXY_0_VHOST: list(40, (index) => `h${index}.example`).join(),
      HAPROXY_0_PATH: list(26, (index) => `/p${index}`).join(' '),
    };
    const table = build([app('/web', { labels })]);
    expect(table.value.routes).toEqual([]);
    expect(table.problems).toMatchObject([
      { code: 'LabelInvalid', effect: 'route-refused', message: expect.stringContaining('40 hosts with 26 paths') },
    ]);
  });

  test.each([
    ['HAPROXY_0_PATH', '/api'],
    ['HAPROXY_0_BACKEND_WEIGHT', '5'],
    ['HAPROXY_0_REDIRECT_TO_HTTPS', 'true'],
  ])('%s without VHOST has no effect, and that is told', (name, value) => {
    const table = build([label(name, value)]);
    expect(codesOf(table)).toEqual([`LabelWithoutEffect ${name}`]);
    expect(table.value.routes).toEqual([]);
  });
});

describe('shadowing', () => {
  const on = (id: string, port: number, path: string, weight?: string) =>
    app(id, {
      ports: [port],
      labels: {
        HAPROXY_0_VHOST: 'w.example',
        ...(path === '' ? {} : { HAPROXY_0_PATH: path }),
        ...(weight === undefined ? {} : { HAPROXY_0_BACKEND_WEIGHT: weight }),
      },
    });
  const rows: readonly (readonly [string, readonly ReturnType<typeof on>[], readonly string[]])[] = [
    [
      'the longest path wins by default',
      [on('/a', 1_000, ''), on('/b', 1_001, '/x'), on('/c', 1_002, '/x/y')],
      ['', '/x', '/x/y'],
    ],
    ['an explicit weight on the host covers all paths', [on('/a', 1_000, '', '2'), on('/b', 1_001, '/x')], ['']],
    ['as much weight does not', [on('/a', 1_000, '', '1'), on('/b', 1_001, '/x')], ['', '/x']],
    [
      'a prefix covers what is below it',
      [on('/a', 1_000, '/x', '2'), on('/b', 1_001, '/x/y'), on('/c', 1_002, '/z')],
      ['/x', '/z'],
    ],
    ['a path may give way by itself', [on('/a', 1_000, ''), on('/b', 1_001, '/x', '-1')], ['']],
    ['weight 0 with a path is 1', [on('/a', 1_000, '', '1'), on('/b', 1_001, '/x', '0')], ['', '/x']],
    ['the longer path with more weight stays', [on('/a', 1_000, '', '2'), on('/b', 1_001, '/x', '3')], ['', '/x']],
    ['without regard to case', [on('/a', 1_000, '-i /X', '2'), on('/b', 1_001, '/x/y')], ['/X']],
    [
      'a path with case does not cover one without',
      [on('/a', 1_000, '/x', '2'), on('/b', 1_001, '-i /x/y')],
      ['/x', '/x/y'],
    ],
  ];
  test.each(rows)('%s', (_, apps, paths) => {
    const table = build(apps);
    expect(table.value.routes.map(({ path = '' }) => path)).toEqual(paths);
    expect(table.problems.map(({ code }) => code)).toEqual(Array(apps.length - paths.length).fill('RouteShadowed'));
  });

  test('by segments, a prefix covers only whole segments', () => {
    const apps = [on('/a', 1_000, '/x', '2'), on('/b', 1_001, '/xy'), on('/c', 1_002, '/x/y')];
    const paths = (pathMatch: 'prefix' | 'segment') =>
      build(apps, { settings: { pathMatch } }).value.routes.map(({ path }) => path);
    expect(paths('prefix')).toEqual(['/x']);
    expect(paths('segment')).toEqual(['/x', '/xy']);
  });

  test('names who covers it', () => {
    expect(build([on('/a', 1_000, '', '2'), on('/b', 1_001, '/x')]).problems).toMatchObject([
      {
        effect: 'route-refused',
        message: 'HAPROXY_0_VHOST of /b: w.example/x is not used, as w.example of /a covers it with weight 2.',
      },
    ]);
  });
});

describe('settings of a backend', () => {
  const http = (labels: Record<string, string>) =>
    app('/web', { labels: { HAPROXY_0_VHOST: 'a.example,*.b.example,c.example', ...labels } });
  const origin = (name: string) => ({ from: 'label', app: '/web', label: name });

  test('defaults', () => {
    expect(backendOf([app('/web')])).toMatchObject({
      profile: { mode: 'tcp', balance: 'roundrobin', sticky: false, check: 'none', checkTimeout: 2 },
      profileOrigins: { mode: { from: 'default' }, balance: { from: 'default' } },
      checkPath: '/',
      origin: { from: 'app', app: '/web' },
    });
  });

  const rows: readonly (readonly [string, string, Partial<Backend>])[] = [
    ['HAPROXY_0_USE_HSTS', 'true', { hsts: { value: true, origin: origin('HAPROXY_0_USE_HSTS') as never } }],
    [
      'HAPROXY_0_REDIRECT_TO_HTTPS',
      'yes',
      { redirectToHttps: { value: true, origin: origin('HAPROXY_0_REDIRECT_TO_HTTPS') as never } },
    ],
    [
      'HAPROXY_0_AUTH',
      'r:u:$5$salt1234$dVuGqLK9',
      {
        auth: {
          value: { realm: 'r', user: 'u', passwordHash: '$5$salt1234$dVuGqLK9' },
          origin: origin('HAPROXY_0_AUTH') as never,
        },
      },
    ],
    [
      'HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL',
      '10.0.0.0/8',
      { allowedNetworks: { value: ['10.0.0.0/8'], origin: origin('HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL') as never } },
    ],
    [
      'HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH',
      '/p',
      {
        proxyPass: {
          value: { path: '/p', host: 'a.example' },
          origin: origin('HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH') as never,
        },
      },
    ],
    [
      'HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH',
      '/p',
      {
        reverseProxy: {
          value: { path: '/p', hosts: ['a.example', 'c.example'] },
          origin: origin('HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH') as never,
        },
      },
    ],
    [
      'HAPROXY_0_HTTP_BACKEND_REDIR',
      '/p',
      {
        rootRedirect: {
          value: { path: '/p', hosts: ['a.example', 'c.example'] },
          origin: origin('HAPROXY_0_HTTP_BACKEND_REDIR') as never,
        },
      },
    ],
  ];
  test.each(rows)('%s=%s', (name, value, expected) => {
    const table = build([http({ [name]: value })]);
    expect(table.value.backends[0]).toMatchObject(expected);
    expect(table.problems).toEqual([]);
  });

  test('a label that says false sets nothing', () => {
    const backend = backendOf([http({ HAPROXY_0_USE_HSTS: 'false', HAPROXY_0_REDIRECT_TO_HTTPS: 'no' })]);
    expect(backend).not.toHaveProperty('hsts');
    expect(backend).not.toHaveProperty('redirectToHttps');
  });

  test('without a host, paths are rewritten and redirects of the root have no effect', () => {
    const labels = {
      HAPROXY_0_MODE: 'http',
      HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH: '/p',
      HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH: '/p',
      HAPROXY_0_HTTP_BACKEND_REDIR: '/p',
    };
    const table = build([app('/web', { labels })]);
    expect(table.value.backends[0]).toMatchObject({
      proxyPass: { value: { path: '/p' } },
      reverseProxy: { value: { hosts: [] } },
    });
    expect(table.value.backends[0]?.proxyPass?.value).not.toHaveProperty('host');
    expect(table.value.backends[0]).not.toHaveProperty('rootRedirect');
    expect(codesOf(table)).toEqual(['LabelWithoutEffect HAPROXY_0_HTTP_BACKEND_REDIR']);
  });

  test.each([
    ['HAPROXY_0_USE_HSTS', 'true'],
    ['HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH', '/p'],
    ['HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH', '/p'],
    ['HAPROXY_0_HTTP_BACKEND_REDIR', '/p'],
    ['HAPROXY_0_BALANCE', 'uri'],
    ['HAPROXY_0_BALANCE', 'hdr(X)'],
  ])('%s=%s has no effect in mode tcp', (name, value) => {
    const table = build([label(name, value)]);
    const plain = build([app('/web', { tasks: [task('t')] })]).value.backends[0];
    expect({ ...table.value.backends[0], servers: [] }).toEqual({ ...plain, servers: [] });
    expect(codesOf(table)).toEqual([`LabelWithoutEffect ${name}`]);
  });

  test('allowed networks hold in mode tcp too', () => {
    expect(backendOf([label('HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL', '::1')])?.allowedNetworks?.value).toEqual(['::1']);
  });

  test.each([
    ['HAPROXY_0_AUTH', 'realm:user'],
    ['HAPROXY_0_AUTH', ''],
    ['HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL', '10.0.0.0/8 nonsense'],
    ['HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL', ''],
  ])('%s=%j: not served unprotected', (name, value) => {
    const table = build([http({ [name]: value })]);
    expect(table.value).toEqual({ services: [], routes: [], appIds: [], backends: [] });
    expect(table.problems).toMatchObject([{ code: 'LabelInvalid', effect: 'route-refused', origin: { label: name } }]);
  });

  test('a password on a TCP port cannot be asked for, so the port is not served', () => {
    const table = build([label('HAPROXY_0_AUTH', 'r:u:$5$salt1234$dVuGqLK9')]);
    expect(table.value.backends).toEqual([]);
    expect(table.problems).toMatchObject([{ code: 'LabelWithoutEffect', effect: 'route-refused' }]);
  });
});

describe('service ports', () => {
  const bind = (labels: Record<string, string>, certificates = CERTIFICATES) => {
    const table = build([app('/web', { labels: { HAPROXY_0_VHOST: 'a.example', ...labels } })], { certificates });
    expect(routesOf(table)[0]).toMatch(/^a\.example -> /);
    return { table, binds: table.value.services[0]?.binds };
  };
  const CERT = 'HAPROXY_0_SSL_CERT';
  const OPTIONS = 'HAPROXY_0_BIND_OPTIONS';

  test('PORT replaces the service port, also in the name', () => {
    const { table } = bind({ HAPROXY_0_PORT: '8081' });
    expect(bindsOf(table)).toEqual(['*:8081 -> web_8081']);
    expect(table.value.services[0]).toMatchObject({
      name: 'web_8081',
      backend: 'web_8081',
      mode: 'http',
      portIndex: 0,
    });
  });

  test('addresses', () => {
    expect(bind({ HAPROXY_0_BIND_ADDR: '10.0.0.1,[FD00::1]' }).binds).toEqual([
      { address: '10.0.0.1', port: 10_000, options: [] },
      { address: 'fd00::1', port: 10_000, options: [] },
    ]);
    const { binds, table } = bind({ HAPROXY_0_BIND_ADDR: '127.0.0.l' });
    expect(binds).toBeUndefined();
    expect(table.problems).toMatchObject([{ code: 'LabelInvalid', effect: 'route-refused' }]);
  });

  test.each(['web.pem', '/certs/web.pem', './web.pem'])('certificate %s', (value) => {
    expect(bind({ [CERT]: value }).binds).toEqual([
      {
        address: '*',
        port: 10_000,
        options: [],
        certificate: { value: '/certs/web.pem', origin: { from: 'label', app: '/web', label: CERT } },
      },
    ]);
  });

  test.each([
    ['other.pem', 'CertificateUnusable', 'no such certificate'],
    ['/etc/ssl/default.pem', 'CertificateUnusable', 'no such certificate'],
    ['broken.pem', 'CertificateUnusable', 'the key does not fit'],
    ['../etc/ssl/default.pem', 'LabelInvalid', 'no plain file name'],
    ['', 'LabelInvalid', 'no plain file name'],
  ])('certificate %j: the port stays closed, the host is routed', (value, code, says) => {
    const { binds, table } = bind({ [CERT]: value });
    expect(binds).toBeUndefined();
    expect(table.problems).toMatchObject([{ code, effect: 'route-refused', message: expect.stringContaining(says) }]);
  });

  test('options with a CA of the folders', () => {
    const { binds } = bind({ [CERT]: 'web.pem', [OPTIONS]: 'verify required ca-file ca.pem alpn h2 accept-proxy' });
    expect(binds?.[0]?.options).toEqual([
      { option: 'accept-proxy' },
      { option: 'alpn', argument: 'h2' },
      { option: 'ca-file', argument: '/certs/ca.pem' },
      { option: 'verify', argument: 'required' },
    ]);
  });

  test.each([
    ['verify required ca-file /elsewhere/ca.pem', 'CertificateUnusable'],
    ['verify required ca-file none.pem', 'CertificateUnusable'],
    ['verify required', 'LabelInvalid'],
    ['ssl crt /tmp/x.pem', 'LabelInvalid'],
  ])('options %j cannot be honoured: the port stays closed', (value, code) => {
    const { binds, table } = bind({ [CERT]: 'web.pem', [OPTIONS]: value });
    expect(binds).toBeUndefined();
    expect(table.problems.map((problem) => problem.code)).toContain(code);
    expect(table.problems.some(({ effect }) => effect === 'route-refused')).toBe(true);
  });

  test('options for TLS without a certificate have no effect, but verification is not given up', () => {
    const plain = bind({ [OPTIONS]: 'alpn h2 tfo' });
    expect(plain.binds?.[0]?.options).toEqual([{ option: 'tfo' }]);
    expect(codesOf(plain.table)).toEqual([`LabelWithoutEffect ${OPTIONS}`]);
    expect(bind({ [OPTIONS]: 'verify required ca-file ca.pem' }).binds).toBeUndefined();
  });

  test('an unknown option costs only itself', () => {
    const { binds, table } = bind({ [OPTIONS]: 'maxconn 10 tfo' });
    expect(binds?.[0]?.options).toEqual([{ option: 'tfo' }]);
    expect(codesOf(table)).toEqual([`LabelInvalid ${OPTIONS}`]);
  });

  test('container mode without service port: marathon-lb’s port, remembered', () => {
    const ports = [{ containerPort: 8_080 }, { containerPort: 8_081 }];
    const table = build([app('/a', { network: 'container', ports })]);
    expect(bindsOf(table)).toEqual(['*:10064 -> a_10064', '*:10077 -> a_10077']);
    expect([...table.memory.autoPorts]).toEqual([
      ['/a|8080', 10_077],
      ['/a|8081', 10_064],
    ]);
    const squatter = app('/squatter', { ports: [10_077] });
    const after = build([app('/a', { network: 'container', ports }), squatter], { memory: table.memory });
    expect(bindsOf(after)).toEqual(bindsOf(table));
    expect(codesOf(after)).toEqual(['PortConflict /squatter']);
    expect(after.memory.autoPorts).toBe(table.memory.autoPorts);
    expect(bindsOf(build([app('/a', { network: 'container', ports }), squatter]))).toContain(
      '*:10077 -> squatter_10077',
    );
  });

  test.each([
    ['host mode', { network: 'host' }, {}],
    ['bridge mode', { network: 'bridge' }, {}],
    ['no range', { network: 'container' }, { minServPortIpPerTask: 0, maxServPortIpPerTask: 0 }],
  ] as const)('no service port in %s: refused, unless a label gives one', (_, input, settings) => {
    const table = build([app('/a', { ...input, ports: [{ containerPort: 80 }] })], { settings });
    expect(table.problems).toMatchObject([{ code: 'NoServicePort', effect: 'route-refused' }]);
    const given = app('/a', { ...input, ports: [{ containerPort: 80 }], labels: { HAPROXY_0_PORT: '7000' } });
    expect(bindsOf(build([given], { settings }))).toEqual(['*:7000 -> a_7000']);
  });
});

describe('app ids', () => {
  test('lead to the first service in mode http', () => {
    const labels = { HAPROXY_1_VHOST: 'one.example', HAPROXY_2_VHOST: 'two.example' };
    expect(build([app('/Web', { ports: [1_000, 1_001, 1_002], labels })]).value.appIds).toEqual([
      { appId: '/web', backend: 'Web_1001', app: appId('/Web') },
    ]);
    expect(build([app('/tcp')]).value.appIds).toEqual([]);
  });

  test('the first is the one with the lowest service port, as marathon-lb has it', () => {
    const labels = { HAPROXY_0_VHOST: 'zero.example', HAPROXY_1_VHOST: 'one.example' };
    expect(build([app('/web', { ports: [1_001, 1_000], labels })]).value.appIds).toMatchObject([
      { backend: 'web_1000' },
    ]);
  });

  test('that differ in case only are one: the first has it, the others are told, once each', () => {
    const http = { HAPROXY_0_MODE: 'http' };
    const table = build([
      app('/web', { ports: [1_000, 1_001], labels: { ...http, HAPROXY_1_MODE: 'http' } }),
      app('/Web', { ports: [1_002], labels: http }),
      app('/weB', { ports: [1_003] }),
    ]);
    expect(table.value.appIds).toEqual([{ appId: '/web', backend: 'Web_1002', app: appId('/Web') }]);
    expect(table.problems).toMatchObject([
      {
        code: 'HostnameConflict',
        effect: 'notice',
        message: expect.stringContaining('/web: X-Marathon-App-Id /web leads to /Web'),
        origin: { from: 'app', app: '/web' },
      },
    ]);
  });
});

describe('identity', () => {
  test('an app that did not change gives the same backends; the rest is built again', () => {
    const builder = createBuilder();
    const [a, b] = [app('/a', { ports: [1_000], healthChecks: [check()] }), app('/b', { ports: [1_001] })];
    const first = builder(snapshot(a, b), SETTINGS, NO_CERTIFICATES, NO_MEMORY);
    const second = builder(
      snapshot(a, app('/b', { ports: [1_001], tasks: 2 })),
      SETTINGS,
      NO_CERTIFICATES,
      first.memory,
    );
    expect(second.value.backends[0]).toBe(first.value.backends[0]);
    expect(second.value.services[0]).toBe(first.value.services[0]);
    expect(second.value.backends[1]).not.toBe(first.value.backends[1]);
    expect(second.memory).toEqual(first.memory);
  });

  test('other settings, certificates or verdicts are not missed', () => {
    const builder = createBuilder();
    const one = app('/a', { tasks: [task('t', { health: 'unknown' })] });
    const servers = (...[settings, memory]: readonly [typeof SETTINGS, typeof NO_MEMORY]) =>
      builder(snapshot(one), settings, NO_CERTIFICATES, memory).value.backends.flatMap((backend) => backend.servers)
        .length;
    expect(servers(SETTINGS, NO_MEMORY)).toBe(0);
    expect(servers(SETTINGS, { ...NO_MEMORY, health: new Map([[task('t').id, 'healthy']]) })).toBe(1);
    expect(servers(SETTINGS, NO_MEMORY)).toBe(0);
    expect(servers({ ...SETTINGS, healthCheck: false }, NO_MEMORY)).toBe(1);
    const settled = app('/b', { ports: [1_001] });
    const services = (settings: typeof SETTINGS) =>
      builder(snapshot(settled), settings, NO_CERTIFICATES, NO_MEMORY).value.services.length;
    expect([SETTINGS, { ...SETTINGS, strictMode: true }, SETTINGS].map(services)).toEqual([1, 0, 1]);
    const cert = label('HAPROXY_0_SSL_CERT', 'web.pem');
    expect(builder(snapshot(cert), SETTINGS, NO_CERTIFICATES, NO_MEMORY).value.services).toEqual([]);
    expect(builder(snapshot(cert), SETTINGS, CERTIFICATES, NO_MEMORY).value.services).toHaveLength(1);
  });
});
