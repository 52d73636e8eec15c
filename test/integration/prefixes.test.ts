import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import type { Generation } from '../../src/core/config.ts';
import type { PathMatch } from '../../src/core/path-match.ts';
import type { LiveServer } from '../../src/core/ports.ts';
import { routeReadiness } from '../../src/core/route-readiness.ts';
import { initialState } from '../../src/core/state.ts';
import { createEchoes } from '../support/echo-servers.ts';
import { backendFor, drawRouteSets } from '../support/route-sets.ts';
import { hostsAt, type RoutedHaproxy, seenBy, startRouted } from '../support/routed-haproxy.ts';
import { asked as on, route, settings, table } from '../support/tables.ts';
import { app, build } from '../unit/core/table-rig.ts';

const HTTP = 21_380;
const STATS = 21_390;
const LONGEST_HTTP = 21_381;
const LONGEST_STATS = 21_391;

const local = (port: number) => ({ address: '127.0.0.1', port });
const at = hostsAt(HTTP);
const echoes = createEchoes();
let haproxy: RoutedHaproxy;

beforeAll(async () => {
  const backends = [
    await echoes.alone('pass_1', { proxyPass: on({ path: '/a.p(p', host: 'internal.example' }) }),
    await echoes.alone('rev_1', { reverseProxy: on({ path: '/pre%fix', hosts: ['rev.example', '.wide.example'] }) }),
    await echoes.alone('root_1', {
      rootRedirect: on({ path: '/start%20here?a=%[src]', hosts: ['root.example', '.rooms.example'] }),
    }),
  ];
  const routes = [
    route('pass.example', 'pass_1'),
    route('rev.example', 'rev_1'),
    route('root.example', 'root_1'),
    route('b.root.example', 'root_1'),
    route('b.rooms.example', 'root_1'),
  ];
  haproxy = await startRouted(
    table({ backends, routes }),
    settings({ httpBind: [local(HTTP)], statsBind: [local(STATS)] }),
    NO_CERTIFICATES,
  );
});

afterAll(async () => {
  await haproxy?.stop();
  await echoes.closeAll();
});

test.each([
  ['/a.p(p/x?y=1', '/x?y=1'],
  ['/A.P(P/x//y', '/x//y'],
  ['/a.p(p', '/'],
  ['/a.p(p/', '/'],
  ['/a.p(pl', '/a.p(pl'],
  ['/axp(p/x', '/axp(p/x'],
])('proxypass turns %s into %s', async (path, url) => {
  const seen = seenBy(await at('pass.example', path));
  expect(seen.url).toBe(url);
  expect(seen.headers['host']).toBe('internal.example');
});

test.each([
  ['/x?y=1', '/pre%fix/x?y=1'],
  ['/', '/pre%fix/'],
  ['http://rev.example/x', '/pre%fix/x'],
  ['https://REV.example:8443/x', '/pre%fix/x'],
  ['http://rev.example', '/pre%fix'],
  ['http://any.wide.example/x', '/pre%fix/x'],
  ['/pre%fix/x', '/pre%fix/x'],
  ['/pre%fixed', '/pre%fix/pre%fixed'],
  ['http://other.example/x', 'http://other.example/x'],
  ['http://revxexample/x', 'http://revxexample/x'],
  ['http://rev.example.evil/x', 'http://rev.example.evil/x'],
  ['//other.example/x', '//other.example/x'],
  ['relative', 'relative'],
])('revproxy turns the location %s into %s', async (location, expected) => {
  const reply = await at('rev.example', `/?status=302&location=${encodeURIComponent(location)}`);
  expect([reply.status, reply.headers['location']]).toEqual([302, expected]);
});

test.each([
  ['root.example', '/', true],
  ['ROOT.example:1', '/?q', true],
  ['b.rooms.example', '/', true],
  ['root.example', '/x', false],
  ['b.root.example', '/', false],
])('%s%s goes to the start page: %s', async (host, path, redirected) => {
  const reply = await at(host, path);
  expect(reply.status).toBe(redirected ? 301 : 200);
  expect(reply.headers['location']).toBe(redirected ? '/start%20here?a=%[src]' : undefined);
});

/** Backends that answer with their names, so that what answers is what HAProxy chose. */
const NAMED =
  'backend {{quote name}} from {{quote profile}}\n  http-request return status 200 content-type text/plain string {{quote name}}\n';

/** `-i` on one app and a prefix that minds case on another, each longer than the other somewhere; also of a wildcard. */
const MIXED = [
  app('/minds', {
    ports: [10_000],
    labels: { HAPROXY_0_VHOST: 'mixed.example,*.mixed.example', HAPROXY_0_PATH: '/api /api/docs/v1' },
  }),
  app('/ignores', {
    ports: [10_001],
    labels: { HAPROXY_0_VHOST: 'mixed.example,*.mixed.example', HAPROXY_0_PATH: '-i /API/docs /Old' },
  }),
];

describe.each(['prefix', 'segment'] as const)('the longest prefix wins, by %s', (pathMatch: PathMatch) => {
  const seed = Date.now();
  const sets = drawRouteSets(150, seed);
  const shared = settings({ httpBind: [local(LONGEST_HTTP)], statsBind: [local(LONGEST_STATS)], pathMatch });
  const built = build([...MIXED, ...sets.flatMap(({ apps }) => apps)], { settings: { pathMatch } });
  const longest = table({ routes: built.value.routes, backends: built.value.backends });
  const ask = hostsAt(LONGEST_HTTP);
  let routed: RoutedHaproxy;
  beforeAll(async () => {
    routed = await startRouted(longest, shared, NO_CERTIFICATES, { backend: NAMED });
  });
  afterAll(() => routed?.stop());

  test.each([
    ['/api', 'minds_10000'],
    ['/api/doc', 'minds_10000'],
    ['/api/docs', 'ignores_10001'],
    ['/api/docs/v2', 'ignores_10001'],
    ['/API/Docs/v1', 'ignores_10001'],
    ['/api/docs/v1', 'minds_10000'],
    ['/api/docs/v1/x?y', 'minds_10000'],
    ['/old', 'ignores_10001'],
    ['/API', ''],
    ['/', ''],
  ])('%s', async (path, backend) => {
    for (const host of ['mixed.example', 'any.mixed.example']) {
      const { status, body } = await ask(host, path);
      expect([host, status, status === 200 ? body : '']).toEqual([host, backend === '' ? 503 : 200, backend]);
    }
  });

  test('HAProxy, the table and what /v1/routes says agree on random routes and requests', async () => {
    const live = longest.backends.map(
      ({ name }): LiveServer => ({ backend: name, server: 's', address: '127.0.0.1', port: 1, state: 'up' }),
    );
    const running = { generation: 1 as Generation, config: routed.config, since: 0 };
    const restarted = { ...initialState('1', shared, 0), running };
    const differing: unknown[] = [];
    for (const { apps, requests } of sets) {
      for (const request of requests) {
        const { status, body } = await ask(request.host, request.path);
        const path = request.path.replace(/\?.*/, '');
        const said = {
          haproxy: status === 200 ? body : undefined,
          expected: backendFor(longest.routes, request, pathMatch),
          ready: routeReadiness({ ...restarted, table: longest }, request.host, live, path).backend,
          readBack: routeReadiness(restarted, request.host, live, path).backend,
        };
        if (new Set(Object.values(said)).size > 1) {
          differing.push({
            seed,
            request,
            said,
            labels: apps.map(({ id, labels }) => [id, Object.fromEntries(labels)]),
          });
        }
      }
    }
    expect(differing).toEqual([]);
  });
});
