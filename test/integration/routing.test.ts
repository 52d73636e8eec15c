import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import { createEchoes } from '../support/echo-servers.ts';
import {
  ask,
  exchange,
  hostsAt,
  oneCertificate,
  type RoutedHaproxy,
  seenBy,
  startRouted,
} from '../support/routed-haproxy.ts';
import { appIdRoute, asked, backend, route, service, settings, table } from '../support/tables.ts';

const HTTP = 21_080;
const HTTPS = 21_443;
const APPID = 21_091;
const STATS = 21_090;
const TLS_SERVICE = 21_103;
const SEGMENT_HTTP = 21_180;
const SEGMENT_STATS = 21_190;

const local = (port: number) => ({ address: '127.0.0.1', port });
const echoes = createEchoes();
let haproxy: RoutedHaproxy;
let segmented: RoutedHaproxy;
let folder: string;

beforeAll(async () => {
  const { folder: made, certificates } = await oneCertificate();
  folder = made;
  const tls = await echoes.alone('tls_1');
  const yes = asked(true as const);
  const backends = [
    ...(await Promise.all(
      ['web_1', 'api_1', 'apiv2_1', 'old_1', 'wild_1', 'wildpath_1', 'literal_1'].map((name) => echoes.alone(name)),
    )),
    backend('empty_1'),
    await echoes.alone('secure_1', { redirectToHttps: yes, hsts: yes }),
    tls,
  ];
  const routes = [
    route('web.example', 'web_1'),
    route('web.example/api', 'api_1'),
    route('web.example/api/v2', 'apiv2_1'),
    route('web.example/Old', 'old_1', true),
    route('*.web.example', 'wild_1'),
    route('*.web.example/x', 'wildpath_1'),
    route('exact.web.example', 'literal_1'),
    route('[::1]', 'literal_1'),
    route('secure.example', 'secure_1'),
    route('empty.example', 'empty_1'),
    route('ghost.example', 'ghost_1'),
  ];
  haproxy = await startRouted(
    table({
      backends,
      routes,
      appIds: [appIdRoute('/prod/web', 'web_1')],
      services: [
        service(tls, [{ ...local(TLS_SERVICE), options: [], certificate: asked(certificates.usable[0]?.path ?? '') }]),
      ],
    }),
    settings({
      httpBind: [local(HTTP), { address: '::1', port: HTTP }],
      httpsBind: [local(HTTPS)],
      appidBind: [local(APPID)],
      statsBind: [local(STATS)],
    }),
    certificates,
  );
  segmented = await startRouted(
    table({ backends, routes }),
    settings({ httpBind: [local(SEGMENT_HTTP)], statsBind: [local(SEGMENT_STATS)], pathMatch: 'segment' }),
    NO_CERTIFICATES,
  );
});

afterAll(async () => {
  await haproxy?.stop();
  await segmented?.stop();
  await echoes.closeAll();
  await rm(folder, { recursive: true });
});

const at = hostsAt(HTTP);
const overTls = hostsAt(HTTPS, true);

test('HAProxy has nothing to complain about', () => {
  expect(haproxy.verdict).not.toMatch(/WARNING|ALERT/);
  expect(segmented.verdict).not.toMatch(/WARNING|ALERT/);
});

describe('which backend answers', () => {
  test.each([
    ['web.example', '/', 'web_1'],
    ['WEB.Example', '/', 'web_1'],
    ['web.example:8080', '/', 'web_1'],
    ['web.example.', '/', 'web_1'],
    ['Web.Example.:80', '/', 'web_1'],
    ['[::1]:21080', '/', 'literal_1'],
    ['[::1]', '/', 'literal_1'],
    ['web.example', '/api', 'api_1'],
    ['web.example', '/api/v1', 'api_1'],
    ['web.example', '/apix', 'api_1'],
    ['web.example', '/api/v2', 'apiv2_1'],
    ['web.example', '/api/v2/x?y=/z', 'apiv2_1'],
    ['WEB.example:80', '/api/v2', 'apiv2_1'],
    ['web.example', '/API', 'web_1'],
    ['web.example', '/x?/api', 'web_1'],
    ['web.example', '/oLD/thing', 'old_1'],
    ['a.web.example', '/', 'wild_1'],
    ['A.Web.Example.:1', '/y', 'wild_1'],
    ['a.web.example', '/x/1', 'wildpath_1'],
    ['exact.web.example', '/x/1', 'literal_1'],
  ])('%s%s is answered by %s', async (host, path, by) => {
    expect(await at(host, path)).toMatchObject({ status: 200, by });
    expect(await overTls(host, path)).toMatchObject({ status: 200, by });
  });

  test.each([
    ['an unknown host', 'nobody.example'],
    ['a wildcard one label deeper', 'a.b.web.example'],
    ['a host that only begins like another', 'web.example.org'],
    ['a backend without servers', 'empty.example'],
    ['a row whose backend does not exist', 'ghost.example'],
  ])('%s is answered 503', async (_, host) => {
    expect(await at(host)).toMatchObject({ status: 503, by: '' });
  });

  test('two hosts in one header lead nowhere: 503 by 2.6, which later versions refuse as malformed', async () => {
    const { status, by } = await at('api.example,web.example');
    expect(by).toBe('');
    expect([400, 503]).toContain(status);
  });

  test.each(['web.example/api', 'web.example/', 'web.example//', '/', '/web.example', 'web.example/:80'])(
    'a path in the Host header does not count as one: %s',
    async (host) => {
      expect(await at(host)).toMatchObject({ status: 400, by: '' });
    },
  );

  test('a request without Host header is answered 503', async () => {
    expect(await exchange(HTTP, 'GET / HTTP/1.0\r\n\r\n', () => false)).toMatch(/^HTTP\/1\.[01] 503 /);
  });

  test.each([
    ['/api', 'api_1'],
    ['/api/', 'api_1'],
    ['/api/v1', 'api_1'],
    ['/apix', 'web_1'],
    ['/api/v2/x', 'apiv2_1'],
    ['/api/v20', 'api_1'],
    ['/old', 'old_1'],
    ['/older', 'web_1'],
  ])('by whole segments %s is answered by %s', async (path, by) => {
    expect(await ask(SEGMENT_HTTP, path, { headers: { host: 'web.example' } })).toMatchObject({ status: 200, by });
  });
});

describe('by app id', () => {
  test('the header leads to the app, whatever its case', async () => {
    const headers = { 'x-marathon-app-id': '/Prod/WEB', host: 'whatever' };
    expect(await ask(APPID, '/', { headers })).toMatchObject({ status: 200, by: 'web_1' });
  });
  test.each([[{ 'x-marathon-app-id': '/prod' }], [{}]])('%j is answered 503', async (headers) => {
    expect(await ask(APPID, '/', { headers: { ...headers, host: 'web.example' } })).toMatchObject({ status: 503 });
  });
});

describe('to https', () => {
  test.each([
    ['secure.example', 'https://secure.example/x?y=1'],
    ['Secure.Example.', 'https://secure.example/x?y=1'],
    [`secure.example:${HTTP}`, `https://secure.example:${HTTPS}/x?y=1`],
  ])('plain requests for %s are redirected', async (host, location) => {
    const reply = await at(host, '/x?y=1');
    expect(reply).toMatchObject({ status: 301, by: '' });
    expect(reply.headers['location']).toBe(location);
  });

  test('TLS answers carry HSTS where it was asked for', async () => {
    const { status, headers } = await overTls('secure.example');
    expect([status, headers['strict-transport-security']]).toEqual([200, 'max-age=15768000']);
    expect((await overTls('web.example')).headers['strict-transport-security']).toBeUndefined();
  });

  test('a service port with a certificate speaks TLS', async () => {
    expect(await ask(TLS_SERVICE, '/', { tls: true })).toMatchObject({ status: 200, by: 'tls_1' });
    expect((await ask(TLS_SERVICE, '/')).by).toBe('');
  });
});

describe('what the app is told about the client', () => {
  const lies = { 'x-forwarded-proto': 'https', 'x-forwarded-port': '1' };
  test('over plain HTTP', async () => {
    const { headers } = seenBy(await at('web.example', '/', lies));
    expect(headers).toMatchObject({
      'x-forwarded-proto': 'http',
      'x-forwarded-port': `${HTTP}`,
      'x-forwarded-for': '127.0.0.1',
    });
  });
  test('over TLS', async () => {
    const { headers } = seenBy(await overTls('web.example', '/', { 'x-forwarded-proto': 'http' }));
    expect(headers).toMatchObject({
      'x-forwarded-proto': 'https',
      'x-forwarded-port': `${HTTPS}`,
      host: 'web.example',
    });
  });
});

describe('statistics', () => {
  test('the page, the metrics and the health URL', async () => {
    const page = await ask(STATS, '/haproxy?stats');
    expect(page.status).toBe(200);
    expect(page.body).toContain('marathon_http_in');
    const metrics = await ask(STATS, '/metrics');
    expect(metrics.status).toBe(200);
    expect(metrics.body).toMatch(/haproxy_backend_status\{proxy="web_1"/);
    expect((await ask(STATS, '/_haproxy_health_check')).status).toBe(200);
  });
});
