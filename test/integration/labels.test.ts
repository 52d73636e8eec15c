import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Instant } from '../../src/core/app.ts';
import { type BuiltTable, buildRoutingTable } from '../../src/core/build.ts';
import { NO_MEMORY } from '../../src/core/memory.ts';
import { NO_LOOKUPS, parseSnapshot } from '../../src/core/snapshot.ts';
import { createEchoes } from '../support/echo-servers.ts';
import { labelledCluster, PORT } from '../support/labelled-cluster.ts';
import {
  ask,
  exchange,
  hostsAt,
  oneCertificate,
  type RoutedHaproxy,
  seenBy,
  startRouted,
} from '../support/routed-haproxy.ts';
import { settings } from '../support/tables.ts';

// From labels, as Marathon carries them, to requests: each label by what it does to traffic.
const [HTTP, HTTPS, APPID, STATS] = [21_480, 21_483, 21_491, 21_490] as const;

const echoes = createEchoes();
const local = (port: number) => ({ address: '127.0.0.1', port });
let haproxy: RoutedHaproxy;
let built: BuiltTable;
let folder: string;
let pem: string;

beforeAll(async () => {
  const made = await oneCertificate();
  folder = made.folder;
  pem = await readFile(`${folder}/web.pem`, 'utf8');
  const certificates = { ...made.certificates, folders: [folder], authorities: [`${folder}/web.pem`] };
  const node = settings({
    group: ['external'],
    healthCheck: false,
    httpBind: [local(HTTP)],
    httpsBind: [local(HTTPS)],
    appidBind: [local(APPID)],
    statsBind: [local(STATS)],
    minServPortIpPerTask: PORT.auto,
    maxServPortIpPerTask: PORT.auto,
  });
  const snapshot = parseSnapshot({ apps: await labelledCluster(echoes) }, 0 as Instant, NO_LOOKUPS);
  if (!snapshot.ok) throw new Error(snapshot.failure.detail);
  built = buildRoutingTable(snapshot.value.value, node, certificates, NO_MEMORY);
  haproxy = await startRouted(built.value, node, certificates);
});
afterAll(async () => {
  await haproxy?.stop();
  await echoes.closeAll();
  await rm(folder, { recursive: true });
});

const at = hostsAt(HTTP);
const overTls = hostsAt(HTTPS, true);
const authorization = { authorization: `Basic ${Buffer.from('ops:secret').toString('base64')}` };

/** Whether something listens there. */
const isOpen = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
      .once('connect', () => socket.destroy());
  });

/** A request over TLS on a service port: its answer, or why there is none. */
const overServiceTls = (port: number, options: ConnectionOptions): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () =>
      socket.write('GET / HTTP/1.0\r\n\r\n'),
    );
    socket.on('data', (data) => {
      answer += data.toString();
    });
    socket.once('error', ({ message }) => resolve(`refused: ${message}`)).once('close', () => resolve(answer));
  });

test('HAProxy has nothing to complain about', () => {
  expect(haproxy.verdict).not.toMatch(/WARNING|ALERT/);
});

describe('VHOST, PATH, BACKEND_WEIGHT', () => {
  test.each([
    ['one.example', '/', 'names'],
    ['ONE.example:8080', '/x', 'names'],
    ['two.example', '/', 'names'],
    ['any.wild.example', '/', 'names'],
    ['one.example', '/a', 'paths'],
    ['one.example', '/apple', 'paths'],
    ['one.example', '/b/c/d', 'paths'],
    ['one.example', '/b', 'names'],
    ['one.example', '/a/deep', 'deeper'],
    ['one.example', '/A/DEEP/er', 'deeper'],
    ['heavy.example', '/api', 'heavy'],
    ['plain.example', '/', 'unindexed'],
  ])('%s%s is answered by %s', async (host, path, by) => {
    expect(await at(host, path)).toMatchObject({ status: 200, by });
    expect(await overTls(host, path)).toMatchObject({ status: 200, by });
  });

  test.each([
    'idle.example',
    'off.example',
    'foreign.example',
    'bad-auth.example',
    'bad-net.example',
    'nobody.example',
  ])('%s is answered 503', async (host) => {
    expect(await at(host)).toMatchObject({ status: 503, by: '' });
  });

  test('who lost is told: the newcomer on a host, the longer path under a weight', () => {
    const told = built.problems.map(({ code, origin }) => `${code} ${'app' in origin ? origin.app : ''}`);
    expect(told).toEqual(expect.arrayContaining(['HostnameConflict /second', 'RouteShadowed /covered']));
  });
});

describe('PORT, BIND_ADDR, ENABLED, MODE', () => {
  test('the service port is the label’s, or the one that was assigned', async () => {
    expect(await ask(PORT.moved, '/')).toMatchObject({ status: 200, by: 'moved' });
    expect(await ask(PORT.auto, '/')).toMatchObject({ status: 200, by: 'auto' });
  });

  test('it listens on the addresses that were named, and no others', async () => {
    expect(await isOpen(PORT.address, '127.0.0.2')).toBe(true);
    expect(await isOpen(PORT.address, '::1')).toBe(true);
    expect(await isOpen(PORT.address, '127.0.0.1')).toBe(false);
  });

  test.each(['closed', 'closedHttp', 'off', 'badAuth', 'unsafe'] as const)('the port of %s is closed', async (name) => {
    expect(await isOpen(PORT[name])).toBe(false);
  });

  test('mode tcp passes on what comes', async () => {
    expect(await exchange(PORT.tcp, 'hello\n', (answer) => answer.endsWith('\n'))).toBe('tcp:hello\n');
  });
});

describe('SSL_CERT, BIND_OPTIONS', () => {
  test('the lowest version holds, and the protocol is negotiated', async () => {
    expect(await overServiceTls(PORT.tls13, { maxVersion: 'TLSv1.2' })).toMatch(/^refused/);
    expect(await overServiceTls(PORT.tls13, { minVersion: 'TLSv1.3' })).toContain('"by":"tls13"');
    const negotiated = await new Promise((resolve) => {
      const socket = connectTls(
        { host: '127.0.0.1', port: PORT.tls13, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
        () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        },
      );
    });
    expect(negotiated).toBe('h2');
    expect((await ask(PORT.tls13, '/')).by).toBe('');
  });

  test('clients without certificate are refused where it is required', async () => {
    expect(await overServiceTls(PORT.mutual, {})).not.toContain('"by"');
    expect(await overServiceTls(PORT.mutual, { cert: pem, key: pem })).toContain('"by":"mutual"');
  });

  test('accept-proxy takes the client’s address from the header, and nobody without one', async () => {
    const request = 'GET / HTTP/1.0\r\n\r\n';
    const answer = await exchange(PORT.proxied, `PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n${request}`, () => false);
    expect(answer).toContain('"x-forwarded-for":"192.0.2.7"');
    expect(await exchange(PORT.proxied, request, () => false)).not.toContain('"by"');
  });
});

describe('BALANCE, STICKY, deployment groups', () => {
  const servers = async (host: string, times: number, headers: Record<string, string> = {}) => {
    const by: string[] = [];
    for (let n = 0; n < times; n++) by.push((await at(host, '/', headers)).by);
    return [...new Set(by)].sort();
  };

  test('first fills one server before the next', async () => {
    expect(await servers('first.example', 6)).toHaveLength(1);
  });

  test('a hash of a header leads to one server each', async () => {
    const by = await Promise.all(
      ['1', '2', '3', '4', '5', '6', '7', '8'].map((key) => servers('hashed.example', 3, { 'x-key': key })),
    );
    expect(by.map(({ length }) => length)).toEqual(by.map(() => 1));
    expect(new Set(by.flat()).size).toBeGreaterThan(1);
  });

  test('a cookie leads back', async () => {
    const first = await at('sticky.example');
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    expect(cookie).toMatch(/^mesosphere_server_id=[0-9a-f]{10}$/);
    expect(await servers('sticky.example', 4, { cookie })).toEqual([first.by]);
  });

  test('old tasks that new ones have replaced get no requests', async () => {
    expect(await servers('colour.example', 8)).toEqual(['blue-1', 'green-0']);
  });
});

describe('REDIRECT_TO_HTTPS, USE_HSTS, AUTH, BACKEND_NETWORK_ALLOWED_ACL', () => {
  test('plain requests are redirected, and TLS ones told to stay', async () => {
    for (const [host, location] of [
      ['secure.example', 'https://secure.example/x'],
      [`secure.example:${HTTP}`, `https://secure.example:${HTTPS}/x`],
    ] as const) {
      const plain = await at(host, '/x');
      expect([plain.status, plain.headers['location']]).toEqual([301, location]);
    }
    const secure = await overTls('secure.example');
    expect([secure.by, secure.headers['strict-transport-security']]).toEqual(['secure', 'max-age=15768000']);
  });

  test.each([
    ['the host', (headers: Record<string, string>) => at('auth.example', '/', headers)],
    ['the service port', (headers: Record<string, string>) => ask(PORT.auth, '/', { headers })],
    [
      'the app id',
      (headers: Record<string, string>) => ask(APPID, '/', { headers: { 'x-marathon-app-id': '/auth', ...headers } }),
    ],
  ])('a password is asked for by way of %s', async (_, go) => {
    expect((await go({})).status).toBe(401);
    expect(await go(authorization)).toMatchObject({ status: 200, by: 'auth' });
  });

  test('other networks are kept out', async () => {
    expect((await at('net.example')).status).toBe(403);
  });
});

describe('HTTP_BACKEND_… and BACKEND_HEALTHCHECK_PORT_INDEX', () => {
  test('paths and locations are rewritten', async () => {
    const passed = seenBy(await at('pass.example', '/app/x?y'));
    expect([passed.url, passed.headers['host']]).toEqual(['/x?y', 'pass.example']);
    expect((await at('rev.example', '/?status=302&location=/x')).headers['location']).toBe('/app/x');
    expect((await at('root.example')).headers['location']).toBe('/login');
    expect((await at('root.example', '/other')).by).toBe('root');
  });

  test('the check is made on the other port', async () => {
    await vi.waitUntil(() => echoes.named('checker').seen.some(({ url }) => url === '/health'), 10_000);
    expect(echoes.named('checked').seen.filter(({ url }) => url === '/health')).toEqual([]);
    expect((await at('checked.example')).by).toBe('checked');
  });
});
