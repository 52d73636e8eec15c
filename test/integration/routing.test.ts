import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CertificateSet, NO_CERTIFICATES } from '../../src/core/certificates.ts';
import { type EchoServer, type Seen, startHttpEcho, startTcpEcho } from '../support/echo-servers.ts';
import { selfSignedPem } from '../support/pem.ts';
import { until } from '../support/prober.ts';
import { ask, exchange, type Reply, type RoutedHaproxy, startRouted } from '../support/routed-haproxy.ts';
import {
  appIdRoute,
  asked,
  backend,
  HTTP_PROFILE,
  route,
  server,
  service,
  settings,
  TCP_PROFILE,
  table,
} from '../support/tables.ts';

const HTTP = 21_080;
const HTTPS = 21_443;
const APPID = 21_091;
const STATS = 21_090;
const AUTH_SERVICE = 21_100;
const TCP_SERVICE = 21_101;
const TCP_CLOSED_NETWORK = 21_102;
const TLS_SERVICE = 21_103;
const SEGMENT_HTTP = 21_180;
const SEGMENT_STATS = 21_190;

// crypt(3) of "secret".
const SECRET = '$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0';
const CREDENTIALS = { authorization: `Basic ${Buffer.from("o'ps $HOME:secret").toString('base64')}` };
const local = (port: number) => ({ address: '127.0.0.1', port });
const ON = <T>(value: T) => asked(value);

const echoes = new Map<string, EchoServer>();
let haproxy: RoutedHaproxy;
let segmented: RoutedHaproxy;
let folder: string;
let certificates: CertificateSet;

async function echo(name: string, make: (name: string) => Promise<EchoServer> = startHttpEcho): Promise<number> {
  const started = await make(name);
  echoes.set(name, started);
  return started.port;
}

/** A backend whose only server answers with the backend's name. */
const alone = async (name: string, over: Parameters<typeof backend>[1] = {}) =>
  backend(name, { servers: [server(await echo(name))], ...over });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const path = join(folder, 'web.pem');
  await writeFile(path, await selfSignedPem(folder, 'web.example'));
  certificates = { ...NO_CERTIFICATES, usable: [{ path, names: ['web.example'], notAfter: '' }] };

  const protectedApp = await alone('auth_1', {
    auth: ON({ realm: `a 'b' $HOME #c %[src] \\ d`, user: "o'ps $HOME", passwordHash: SECRET }),
    hsts: ON(true as const),
  });
  const tcp = backend('tcp_1', { profile: TCP_PROFILE, servers: [server(await echo('tcp_1', startTcpEcho))] });
  const tcpClosed = {
    ...tcp,
    ...backend('tcpclosed_1', { profile: TCP_PROFILE, servers: tcp.servers, allowedNetworks: ON(['10.0.0.0/8']) }),
  };
  const tls = await alone('tls_1');
  const check = { tls: false, interMs: 200, fall: 1 };
  const checked = backend('checked_1', {
    profile: { ...HTTP_PROFILE, check: 'http' },
    checkPath: '/health',
    servers: [
      server(await echo('checked-a'), { check }),
      server(await echo('checked-b'), { check: { ...check, path: '/old%20health?status=204' } }),
      server(await echo('checked-c'), { check: { ...check, path: '/?status=500' } }),
    ],
  });
  const sticky = backend('sticky_1', {
    profile: { ...HTTP_PROFILE, sticky: true },
    servers: [server(await echo('sticky-a'), { cookie: 'aaaa' }), server(await echo('sticky-b'), { cookie: 'bbbb' })],
  });
  const mute = await echo('mute', (name) => startTcpEcho(name, true));
  const flaky = backend('flaky_1', { servers: [server(mute), server(await echo('flaky_1'))] });

  const backends = [
    await alone('web_1'),
    await alone('api_1'),
    await alone('apiv2_1'),
    await alone('old_1'),
    await alone('wild_1'),
    await alone('wildpath_1'),
    await alone('literal_1'),
    backend('empty_1'),
    await alone('secure_1', { redirectToHttps: ON(true as const), hsts: ON(true as const) }),
    protectedApp,
    await alone('open_1', { allowedNetworks: ON(['10.0.0.0/8', '127.0.0.0/8']) }),
    await alone('closed_1', { allowedNetworks: ON(['10.0.0.0/8', '::1']) }),
    sticky,
    await alone('pass_1', { proxyPass: ON({ path: '/a.p(p', host: 'internal.example' }) }),
    await alone('rev_1', { reverseProxy: ON({ path: '/pre%fix', hosts: ['rev.example', '.wide.example'] }) }),
    await alone('root_1', {
      rootRedirect: ON({ path: '/start%20here?a=%[src]', hosts: ['root.example', '.rooms.example'] }),
    }),
    tcp,
    tcpClosed,
    tls,
    checked,
    flaky,
  ];
  const routes = [
    ...['web', 'secure', 'auth', 'open', 'closed', 'sticky', 'pass', 'rev', 'root', 'checked', 'flaky', 'empty'].map(
      (name) => route(`${name}.example`, `${name}_1`),
    ),
    route('web.example/api', 'api_1'),
    route('web.example/api/v2', 'apiv2_1'),
    route('web.example/Old', 'old_1', true),
    route('*.web.example', 'wild_1'),
    route('*.web.example/x', 'wildpath_1'),
    route('exact.web.example', 'literal_1'),
    route('b.root.example', 'root_1'),
    route('b.rooms.example', 'root_1'),
    route('[::1]', 'literal_1'),
    route('ghost.example', 'ghost_1'),
  ];
  const bound = { address: '127.0.0.1', options: [] };
  haproxy = await startRouted(
    table({
      backends,
      routes,
      appIds: [appIdRoute('/prod/web', 'web_1'), appIdRoute('/prod/auth', 'auth_1')],
      services: [
        service(protectedApp, [AUTH_SERVICE]),
        service(tcp, [TCP_SERVICE]),
        service(tcpClosed, [TCP_CLOSED_NETWORK]),
        service(tls, [{ ...bound, port: TLS_SERVICE, certificate: asked(path) }]),
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
  await Promise.all([...echoes.values()].map((one) => one.close()));
  await rm(folder, { recursive: true });
});

const at = (host: string, path = '/', headers: Record<string, string> = {}): Promise<Reply> =>
  ask(HTTP, path, { headers: { host, ...headers } });
const overTls = (host: string, path = '/', headers: Record<string, string> = {}): Promise<Reply> =>
  ask(HTTPS, path, { headers: { host, ...headers }, tls: true });
const seenBy = (reply: Reply): Seen => JSON.parse(reply.body) as Seen;

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

  test('a path in the Host header does not count as one', async () => {
    expect(await at('web.example/api')).toMatchObject({ status: 400, by: '' });
  });

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

  test('TLS answers carry HSTS where it was asked for, also those of HAProxy itself', async () => {
    const header = 'strict-transport-security';
    const secure = await overTls('secure.example');
    expect([secure.status, secure.headers[header]]).toEqual([200, 'max-age=15768000']);
    const refused = await overTls('auth.example');
    expect([refused.status, refused.headers[header]]).toEqual([401, 'max-age=15768000']);
    expect((await overTls('web.example')).headers[header]).toBeUndefined();
    expect((await at('auth.example', '/', CREDENTIALS)).headers[header]).toBeUndefined();
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

describe('who may in', () => {
  const ways: readonly [string, (headers: Record<string, string>) => Promise<Reply>][] = [
    ['the host', (headers) => at('auth.example', '/', headers)],
    ['the host over TLS', (headers) => overTls('auth.example', '/', headers)],
    ['the service port', (headers) => ask(AUTH_SERVICE, '/', { headers })],
    ['the app id', (headers) => ask(APPID, '/', { headers: { ...headers, 'x-marathon-app-id': '/prod/auth' } })],
  ];
  test.each(ways)('a password is asked for by way of %s', async (_, go) => {
    const refused = await go({});
    expect(refused).toMatchObject({ status: 401, by: '' });
    expect(refused.headers['www-authenticate']).toBe(`Basic realm="a 'b' $HOME #c %[src] ' d"`);
    const wrong = { authorization: `Basic ${Buffer.from("o'ps $HOME:wrong").toString('base64')}` };
    expect(await go(wrong)).toMatchObject({ status: 401, by: '' });
    expect(await go(CREDENTIALS)).toMatchObject({ status: 200, by: 'auth_1' });
  });

  test('networks that are allowed, and others', async () => {
    expect(await at('open.example')).toMatchObject({ status: 200, by: 'open_1' });
    expect(await at('closed.example')).toMatchObject({ status: 403, by: '' });
  });

  test('a TCP service answers allowed networks alone', async () => {
    const line = (answer: string): boolean => answer.endsWith('\n');
    expect(await exchange(TCP_SERVICE, 'hello\n', line)).toBe('tcp_1:hello\n');
    expect(await exchange(TCP_CLOSED_NETWORK, 'hello\n', line)).toBe('');
  });
});

describe('sticky sessions', () => {
  test('the cookie leads back to the same server', async () => {
    const first = await at('sticky.example');
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    expect(cookie).toBe(`mesosphere_server_id=${first.by === 'sticky-a' ? 'aaaa' : 'bbbb'}`);
    const other = first.by === 'sticky-a' ? 'sticky-b' : 'sticky-a';
    expect((await at('sticky.example')).by).toBe(other);
    for (let i = 0; i < 4; i++) {
      const again = await at('sticky.example', '/', { cookie });
      expect(again.by).toBe(first.by);
      // The app never sees it.
      expect(seenBy(again).headers['cookie']).toBeUndefined();
    }
  });
});

describe('paths and locations of apps below a prefix', () => {
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
});

describe('servers', () => {
  test('are asked for the path of their backend, or of their own, with a Host that HTTP/1.1 needs', async () => {
    const askedFor = (name: string) =>
      new Set(
        (echoes.get(name)?.seen ?? [])
          .filter(({ headers }) => headers['x-forwarded-for'] === undefined)
          .map(({ url, headers }) => `${url} of ${headers['host']}`),
      );
    const port = (name: string) => echoes.get(name)?.port;
    await until('all three were checked', () => ['a', 'b', 'c'].every((x) => askedFor(`checked-${x}`).size > 0), 5_000);
    expect([...askedFor('checked-a')]).toEqual([`/health of 127.0.0.1:${port('checked-a')}`]);
    expect([...askedFor('checked-b')]).toEqual([`/old%20health?status=204 of 127.0.0.1:${port('checked-b')}`]);
    expect([...askedFor('checked-c')]).toEqual([`/?status=500 of 127.0.0.1:${port('checked-c')}`]);
  });

  test('that fail their own check get no requests', async () => {
    const down = async (): Promise<boolean> => {
      const { body } = await ask(STATS, '/haproxy?stats;csv');
      return body.split('\n').filter((line) => /^checked_1,.*,DOWN,/.test(line)).length === 1;
    };
    await until('HAProxy has found the failing server', down, 5_000);
    const by = new Set<string>();
    for (let i = 0; i < 9; i++) by.add((await at('checked.example')).by);
    expect([...by].sort()).toEqual(['checked-a', 'checked-b']);
  });

  test('that hang up cost a GET nothing, and get no POST twice', async () => {
    const replies = async (method: string) => {
      const statuses: number[] = [];
      for (let i = 0; i < 4; i++) {
        statuses.push((await ask(HTTP, '/', { method, headers: { host: 'flaky.example' } })).status);
      }
      return statuses.sort();
    };
    expect(await replies('GET')).toEqual([200, 200, 200, 200]);
    expect(await replies('POST')).toEqual([200, 200, 502, 502]);
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
