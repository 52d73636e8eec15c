import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import { createEchoes } from '../support/echo-servers.ts';
import { hostsAt, type RoutedHaproxy, seenBy, startRouted } from '../support/routed-haproxy.ts';
import { asked as on, route, settings, table } from '../support/tables.ts';

const HTTP = 21_380;
const STATS = 21_390;

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
