import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { applied, ask, configText, EMPTY, HASH, HELD, type Rig, startRig, UP, webConfig, webTable } from './rig.ts';

const rigs: Rig[] = [];
async function rig(settings: Record<string, string> = {}): Promise<Rig> {
  const started = await startRig(settings);
  rigs.push(started);
  return started;
}
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((one) => one.close()));
});

const HAPROXY_UP = {
  type: 'haproxy-up',
  how: 'started',
  haproxy: { up: true, version: '2.6.12', oldWorkers: 0, mode: 'managed' },
} as const;
const started = { type: 'started', version: '1.2.3', haproxy: HAPROXY_UP.haproxy } as const;

describe('who may ask', () => {
  test.each([
    ['localhost', 200],
    ['localhost:9092', 200],
    ['127.0.0.1:1234', 200],
    ['127.8.8.8', 200],
    ['[::1]:9092', 200],
    ['edge1', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['10.0.0.1', 403],
    ['localhost@evil.example', 403],
  ])('Host %j on a loopback listener: %i', async (host, status) => {
    const { places } = await rig();
    const answer = await ask(places.url, '/livez', { headers: { host } });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json()).toMatchObject({ status: 403, code: 'HostNotAllowed' });
  });

  test('the UNIX socket takes any Host, as only its owner can open it', async () => {
    const { places } = await rig();
    expect((await ask(places.socket, '/livez', { headers: { host: 'evil.example' } })).status).toBe(200);
    expect(statSync(places.socket).mode & 0o777).toBe(0o600);
  });

  test('a token is asked for on TCP when there is a file, which is read anew each time', async () => {
    const first = await rig();
    const file = join(first.dir, 'token');
    writeFileSync(file, 'one\n');
    const { places } = await rig({ 'admin-token-file': file });
    const status = async (authorization?: string) =>
      (await ask(places.url, '/livez', { headers: authorization === undefined ? {} : { authorization } })).status;
    expect(await status()).toBe(401);
    expect(await status('Bearer on')).toBe(401);
    expect(await status('Bearer one')).toBe(200);
    expect(await status('Basic one')).toBe(401);
    writeFileSync(file, 'two');
    expect(await status('Bearer one')).toBe(401);
    expect(await status('Bearer two')).toBe(200);
    writeFileSync(file, '');
    expect(await status('Bearer ')).toBe(503);
    expect((await ask(places.socket, '/livez')).status).toBe(200);
  });

  test('what changes something is refused on TCP and done on the socket', async () => {
    const { places, asked } = await rig();
    const resync = await ask(places.url, '/v1/resync', { method: 'POST' });
    expect([resync.status, resync.json()['code']]).toEqual([403, 'SocketOnly']);
    expect(asked).toEqual([]);
    expect((await ask(places.socket, '/v1/resync', { method: 'POST' })).status).toBe(202);
    const level = (value: string) =>
      ask(places.socket, '/v1/log-level', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ level: value }),
      });
    expect((await level('debug')).json()).toEqual({ level: 'debug' });
    expect(await level('loud')).toMatchObject({ status: 400 });
    expect(asked).toEqual(['pass admin', 'level debug']);
  });

  test('an answer that is held is accepted on the socket; without one there is nothing to accept', async () => {
    const { places, asked, emit } = await rig();
    const accept = (place: string) => ask(place, '/v1/guard/accept', { method: 'POST' });
    expect((await accept(places.url)).json()['code']).toBe('SocketOnly');
    const refused = await accept(places.socket);
    expect([refused.status, refused.json()['code']]).toEqual([409, 'NothingHeld']);
    expect(asked).toEqual([]);
    emit(HELD);
    const accepted = await accept(places.socket);
    expect([accepted.status, accepted.json()]).toEqual([200, { accepted: true }]);
    expect(asked).toEqual(['accept']);
  });
});

describe('sockets', () => {
  test('a socket file that nobody listens on is replaced', async () => {
    const first = await rig();
    await first.admin.stop();
    expect(existsSync(first.places.socket)).toBe(false);
    writeFileSync(join(first.dir, 'admin.sock'), '');
    const again = await rig({ 'state-dir': first.dir });
    expect((await ask(again.places.socket, '/livez')).status).toBe(200);
  });

  test('a socket that a running daemon serves is left alone', async () => {
    const first = await rig();
    await expect(rig({ 'state-dir': first.dir })).rejects.toThrow('another Portolan');
    expect((await ask(first.places.socket, '/livez')).status).toBe(200);
  });

  test('a taken port is told, the socket answers meanwhile, and the port is had once it is free', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { places, state } = await rig({ 'admin-bind': `127.0.0.1:${port}` });
    expect(places.url).toBe('');
    expect(state().adminUnbound).toMatchObject({ place: `127.0.0.1:${port}` });
    expect(state().adminUnbound?.detail).toContain('EADDRINUSE');
    expect((await ask(places.socket, '/v1/status')).json()['adminUnbound']).toMatchObject({
      place: `127.0.0.1:${port}`,
    });
    await new Promise((resolve) => other.close(resolve));
    await vi.waitFor(() => expect(state().adminUnbound).toBeUndefined());
    expect((await ask(`http://127.0.0.1:${port}`, '/livez')).status).toBe(200);
  });

  test('ends also while its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { admin, places } = await rig({ 'admin-bind': `127.0.0.1:${port}` });
    await admin.stop();
    await expect(ask(places.socket, '/livez')).rejects.toThrow();
    await new Promise((resolve) => other.close(resolve));
  });

  test('a state folder that does not allow it is a failure, no crash', async () => {
    await expect(startRig({ 'state-dir': '/dev/null/no' })).rejects.toThrow(/ENOTDIR|EACCES|ENOENT/);
  });
});

describe('errors are JSON with status, code and message', () => {
  test.each([
    ['GET', '/nowhere', 404, 'NotFound'],
    ['DELETE', '/livez', 405, 'MethodNotAllowed'],
    ['GET', '/v1/resync', 405, 'MethodNotAllowed'],
    ['POST', '/v1/apps/prod/web', 405, 'MethodNotAllowed'],
    ['GET', '/v1/routes/web.example?wait=soon', 400, 'BadParameter'],
    ['GET', '/v1/routes/web.example?wait=-1s', 400, 'BadParameter'],
    ['GET', '/v1/routes/web.example?waits=1s', 400, 'BadParameter'],
    ['GET', '/v1/routes/web.example?path=api', 400, 'BadParameter'],
    ['GET', '/v1/routes/web.example?wait=1s&wait=2s', 400, 'BadParameter'],
    ['GET', '/config?generation=x', 400, 'BadParameter'],
    ['GET', '/config?generation=0', 400, 'BadParameter'],
    ['GET', '/%ff', 400, 'BadRequest'],
    ['PUT', '/v1/log-level', 400, 'BadParameter'],
    ['GET', '/v1/apps/none', 404, 'NoSuchApp'],
    ['GET', '/v1/routes/none.example', 404, 'NoSuchHost'],
    ['GET', '/config', 503, 'NothingLoaded'],
    ['GET', '/config?generation=7', 404, 'NoSuchGeneration'],
  ])('%s %s: %i %s', async (method, path, status, code) => {
    const { places } = await rig();
    const answer = await ask(places.socket, path, { method });
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.json()).toMatchObject({ status, code, message: expect.stringMatching(/.+/) });
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.headers['allow']).toBeDefined();
  });

  test.each([
    ['/config?generation=x', 'generation "x": must be integer (Number of a generation on disk, e.g. 41)'],
    ['/config?generation=0', 'generation 0: must be >= 1 (Number of a generation on disk, e.g. 41)'],
    ['/v1/routes/web.example?waits=1s', 'unknown parameter "waits": expected wait, path'],
    ['/v1/status?verbose=1', 'unknown parameter "verbose": this takes no parameters'],
  ])('%s: the parameter, its value and what was expected are named', async (path, message) => {
    const { places } = await rig();
    expect((await ask(places.socket, path)).json()['message']).toBe(message);
  });

  test('bytes that are no HTTP are 400', async () => {
    const { places } = await rig();
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(places.socket, () => socket.write('hello\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => {
        received += String(chunk);
      });
      socket.on('end', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'BadRequest' });
  });

  test('a broken JSON body is 400', async () => {
    const { places } = await rig();
    const answer = await ask(places.socket, '/v1/log-level', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect([answer.status, answer.json()['status']]).toEqual([400, 400]);
  });
});

describe('health', () => {
  test('tells the truth as the state goes on', async () => {
    const { places, emit } = await rig();
    const probe = async (path: string) => {
      const answer = await ask(places.url, path);
      return [answer.status, answer.json()['code'] ?? 'fine'];
    };
    expect(await probe('/livez')).toEqual([200, 'fine']);
    expect(await probe('/startupz')).toEqual([503, 'starting']);
    expect(await probe('/readyz')).toEqual([503, 'starting']);
    emit(started);
    expect(await probe('/startupz')).toEqual([200, 'fine']);
    expect(await probe('/readyz')).toEqual([503, 'never-applied']);
    emit(applied(1));
    expect(await probe('/readyz')).toEqual([200, 'fine']);
    emit({ type: 'haproxy-down', reason: 'killed' });
    expect(await probe('/readyz')).toEqual([503, 'haproxy-down']);
    emit({ ...HAPROXY_UP, how: 'restarted' });
    expect(await probe('/readyz')).toEqual([200, 'fine']);
    emit({ type: 'stopping', onStop: 'keep' });
    expect(await probe('/readyz')).toEqual([503, 'stopping']);
  });

  test('with Marathon gone the node stays ready, and says stale', async () => {
    const { places, emit } = await rig();
    emit(started);
    emit({ type: 'snapshot-taken', snapshot: EMPTY, scope: 'all', ms: 1 });
    emit(applied(1));
    emit({ type: 'snapshot-failed', failure: { kind: 'unreachable', endpoint: 'http://m:8080', detail: 'refused' } });
    const answer = await ask(places.url, '/readyz');
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ ready: true, stale: true });
    expect(answer.json()['degraded']).toContain('source-unreachable');
  });
});

describe('/config', () => {
  test('is what the worker loaded: byte for byte on the socket, masked on TCP', async () => {
    const { places, setFiles } = await rig();
    setFiles(7, configText(7));
    const raw = await ask(places.socket, '/config');
    expect(raw.text).toBe(configText(7));
    expect(raw.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(raw.headers['x-portolan-generation']).toBe('7');
    const masked = await ask(places.url, '/config?generation=7');
    expect(masked.text).toBe(configText(7).replace(HASH, '***'));
  });

  test('of one app: its lines with their numbers', async () => {
    const { places, emit, setFiles } = await rig();
    setFiles(7, configText(7));
    expect((await ask(places.socket, '/config?app=/prod/web')).status).toBe(409);
    emit(applied(7));
    const own = await ask(places.url, '/config?app=/prod/web');
    expect(own.text).toBe(
      '3  userlist auth\n4    user joe password ***\n5  backend prod_web_10000\n6    server s1 127.0.0.1:31000 id 1\n',
    );
    expect((await ask(places.url, '/config?app=/none')).json()['code']).toBe('NoSuchApp');
  });
});

test('the views have what the state has, and mask secrets on TCP', async () => {
  const { places, emit, setServers } = await rig();
  emit(started);
  emit({
    type: 'table-built',
    table: webTable(),
    problems: [
      {
        code: 'LabelInvalid',
        effect: 'value-ignored',
        message: `HAPROXY_0_AUTH holds ${HASH}`,
        origin: { from: 'label', app: '/prod/web' as never, label: 'HAPROXY_0_AUTH' },
      },
    ],
    ms: 1,
  });
  emit(applied(3));
  setServers([UP]);
  const routes = (await ask(places.url, '/v1/routes')).json()['routes'];
  expect(routes).toEqual([
    {
      route: 'web.example',
      kind: 'http',
      state: 'serving',
      backend: 'prod_web_10000',
      app: '/prod/web',
      servers: [{ server: 's1', endpoint: '127.0.0.1:31000', state: 'up' }],
    },
  ]);
  const onTcp = await ask(places.url, '/v1/problems');
  expect(onTcp.text).toContain('HAPROXY_0_AUTH holds ***');
  expect(onTcp.text).not.toContain('verysecret');
  expect((await ask(places.socket, '/v1/problems')).text).toContain(HASH);
  expect((await ask(places.url, '/v1/apps/prod/web')).json()).toMatchObject({
    id: '/prod/web',
    routes: ['web.example'],
  });
  expect((await ask(places.url, '/v1/apps')).json()['apps']).toHaveLength(1);
  expect((await ask(places.url, '/v1/status')).json()).toMatchObject({
    version: '1.2.3',
    generation: { running: 3 },
    source: { mode: 'poll' },
  });
});

test('HAProxy that cannot be asked leaves the list of routes without live states', async () => {
  const { places, emit, setServers } = await rig();
  emit(applied(3));
  setServers({ kind: 'timeout', detail: 'no answer' });
  const answer = await ask(places.url, '/v1/routes');
  expect(answer.status).toBe(200);
  expect(answer.json()['routes']).toMatchObject([{ route: 'web.example', state: 'serving' }]);
  expect((await ask(places.url, '/v1/routes/web.example')).json()).toMatchObject({ status: 503, code: 'HAProxyDown' });
});

test('other edges hear who holds which name, and that it is as it was', async () => {
  const { places, setClaims } = await rig();
  setClaims(
    new Map([
      ['port *:10000', '/b'],
      ['host a.example', '/a'],
    ]) as never,
  );
  const first = await ask(places.url, '/v1/claims');
  expect(first.json()).toMatchObject({ schema: 1, claims: { 'host a.example': '/a', 'port *:10000': '/b' } });
  const etag = String(first.headers['etag']);
  const again = await ask(places.url, '/v1/claims', { headers: { 'if-none-match': etag } });
  expect([again.status, again.text]).toEqual([304, '']);
  setClaims(new Map());
  const other = await ask(places.socket, '/v1/claims', { headers: { 'if-none-match': etag } });
  expect([other.status, other.json()]).toMatchObject([200, { claims: {} }]);
});

test('openapi.json names every endpoint', async () => {
  const { places } = await rig();
  const { paths } = (await ask(places.socket, '/openapi.json')).json() as { paths: Record<string, unknown> };
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([
      '/livez',
      '/readyz',
      '/startupz',
      '/metrics',
      '/config',
      '/v1/routes',
      '/v1/routes/{vhost}',
    ]),
  );
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/v1/apps', '/v1/problems', '/v1/status', '/v1/resync', '/v1/guard/accept']),
  );
});

test('a token file that cannot be read shuts the door', async () => {
  const first = await rig();
  const file = join(first.dir, 'none');
  const { places } = await rig({ 'admin-token-file': file });
  expect((await ask(places.url, '/livez', { headers: { authorization: 'Bearer x' } })).json()).toMatchObject({
    status: 503,
    code: 'TokenUnavailable',
  });
  writeFileSync(file, 'x');
  chmodSync(file, 0o600);
  expect((await ask(places.url, '/livez', { headers: { authorization: 'Bearer x' } })).status).toBe(200);
});

test('metrics are the text that Prometheus reads, ages and all', async () => {
  const { places, emit } = await rig();
  emit(started);
  emit({ type: 'snapshot-taken', snapshot: EMPTY, scope: 'all', ms: 5 });
  emit(applied(4, webConfig('d4')));
  const { text, headers } = await ask(places.url, '/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toContain('portolan_generation_loaded 4');
  expect(text).toContain('portolan_reloads_total{reason="shared-sections",outcome="success"} 1');
});
