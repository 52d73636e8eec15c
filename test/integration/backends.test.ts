import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createEchoes, startTcpEcho } from '../support/echo-servers.ts';
import {
  ask,
  exchange,
  hostsAt,
  oneCertificate,
  type Reply,
  type RoutedHaproxy,
  seenBy,
  startRouted,
} from '../support/routed-haproxy.ts';
import {
  appIdRoute,
  backend,
  HTTP_PROFILE,
  asked as on,
  route,
  server,
  service,
  settings,
  TCP_PROFILE,
  table,
} from '../support/tables.ts';

const HTTP = 21_280;
const HTTPS = 21_643;
const APPID = 21_291;
const STATS = 21_290;
const AUTH_SERVICE = 21_200;
const TCP_SERVICE = 21_201;
const TCP_CLOSED_NETWORK = 21_202;

// crypt(3) of "secret".
const SECRET = '$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0';
const authorization = (password: string) => ({
  authorization: `Basic ${Buffer.from(`o'ps $HOME:${password}`).toString('base64')}`,
});
const local = (port: number) => ({ address: '127.0.0.1', port });

const echoes = createEchoes();
let haproxy: RoutedHaproxy;
let folder: string;

beforeAll(async () => {
  const made = await oneCertificate();
  folder = made.folder;
  const auth = await echoes.alone('auth_1', {
    auth: on({ realm: `a 'b' $HOME #c %[src] \\ d`, user: "o'ps $HOME", passwordHash: SECRET }),
    hsts: on(true as const),
  });
  const tcp = backend('tcp_1', { profile: TCP_PROFILE, servers: [server(await echoes.start('tcp_1', startTcpEcho))] });
  const tcpClosed = backend('tcpclosed_1', {
    profile: TCP_PROFILE,
    servers: tcp.servers,
    allowedNetworks: on(['10.0.0.0/8']),
  });
  const check = { tls: false, interMs: 200, fall: 1 };
  const checked = backend('checked_1', {
    profile: { ...HTTP_PROFILE, check: 'http' },
    checkPath: '/health',
    servers: [
      server(await echoes.start('checked-a'), { check }),
      server(await echoes.start('checked-b'), { check: { ...check, path: '/old%20health?status=204' } }),
      server(await echoes.start('checked-c'), { check: { ...check, path: '/?status=500' } }),
    ],
  });
  const sticky = backend('sticky_1', {
    profile: { ...HTTP_PROFILE, sticky: true },
    servers: [
      server(await echoes.start('sticky-a'), { cookie: 'aaaa' }),
      server(await echoes.start('sticky-b'), { cookie: 'bbbb' }),
    ],
  });
  const flaky = backend('flaky_1', {
    servers: [
      server(await echoes.start('mute', (name) => startTcpEcho(name, true))),
      server(await echoes.start('flaky_1')),
    ],
  });
  const backends = [
    auth,
    await echoes.alone('open_1', { allowedNetworks: on(['10.0.0.0/8', '127.0.0.0/8']) }),
    await echoes.alone('closed_1', { allowedNetworks: on(['10.0.0.0/8', '::1']) }),
    sticky,
    tcp,
    tcpClosed,
    checked,
    flaky,
  ];
  const hosts = ['auth', 'open', 'closed', 'sticky', 'checked', 'flaky'];
  haproxy = await startRouted(
    table({
      backends,
      routes: [...hosts.map((name) => route(`${name}.example`, `${name}_1`))],
      appIds: [appIdRoute('/prod/auth', 'auth_1')],
      services: [service(auth, [AUTH_SERVICE]), service(tcp, [TCP_SERVICE]), service(tcpClosed, [TCP_CLOSED_NETWORK])],
    }),
    settings({
      httpBind: [local(HTTP)],
      httpsBind: [local(HTTPS)],
      appidBind: [local(APPID)],
      statsBind: [local(STATS)],
    }),
    made.certificates,
  );
});

afterAll(async () => {
  await haproxy?.stop();
  await echoes.closeAll();
  await rm(folder, { recursive: true });
});

const at = hostsAt(HTTP);
const overTls = hostsAt(HTTPS, true);

test('HAProxy has nothing to complain about', () => {
  expect(haproxy.verdict).not.toMatch(/WARNING|ALERT/);
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
    expect(await go(authorization('wrong'))).toMatchObject({ status: 401, by: '' });
    expect(await go(authorization('secret'))).toMatchObject({ status: 200, by: 'auth_1' });
  });

  test('the answer that asks for it carries HSTS over TLS as well', async () => {
    expect((await overTls('auth.example')).headers['strict-transport-security']).toBe('max-age=15768000');
    const plain = await at('auth.example', '/', authorization('secret'));
    expect([plain.status, plain.headers['strict-transport-security']]).toEqual([200, undefined]);
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

describe('servers', () => {
  test('are asked for the path of their backend, or of their own, with a Host that HTTP/1.1 needs', async () => {
    const askedFor = (name: string) =>
      new Set(
        echoes
          .named(name)
          .seen.filter(({ headers }) => headers['x-forwarded-for'] === undefined)
          .map(({ url, headers }) => `${url} of ${headers['host']}`),
      );
    const port = (name: string) => echoes.named(name).port;
    await vi.waitUntil(() => ['a', 'b', 'c'].every((x) => askedFor(`checked-${x}`).size > 0), 5_000);
    expect([...askedFor('checked-a')]).toEqual([`/health of 127.0.0.1:${port('checked-a')}`]);
    expect([...askedFor('checked-b')]).toEqual([`/old%20health?status=204 of 127.0.0.1:${port('checked-b')}`]);
    expect([...askedFor('checked-c')]).toEqual([`/?status=500 of 127.0.0.1:${port('checked-c')}`]);
  });

  test('that fail their own check get no requests', async () => {
    const down = async (): Promise<boolean> => {
      const { body } = await ask(STATS, '/haproxy?stats;csv');
      return body.split('\n').filter((line) => /^checked_1,.*,DOWN,/.test(line)).length === 1;
    };
    await vi.waitUntil(down, 5_000);
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
