import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeSelfSigned } from '../../../src/source/self-signed.ts';
import type { Fake } from './rig.ts';
import { app, json, never, startFake, startSource, text } from './rig.ts';

const APPS = { apps: [app('/web')] };

async function readOnce(answer: Fake['answer']) {
  const fake = await startFake(answer);
  const { source, of } = startSource([fake.url]);
  return { fake, of, result: await source.snapshot('all', never()) };
}

describe('an answer that is no list of apps is a failure by kind', () => {
  const whole = JSON.stringify(APPS);
  const cases: readonly [string, Fake['answer'], string, string][] = [
    ['503 with an empty body', text(503, ''), 'http-status', 'status 503'],
    ['503 with HTML', text(503, '<html><h1>No leader</h1></html>'), 'http-status', '<h1>No leader</h1>'],
    ['500 with a message', text(500, '{"message":"while assembling rich tasks"}'), 'http-status', 'rich tasks'],
    ['200 with a blank body', text(200, ''), 'not-json', 'blank'],
    ['200 with white space', text(200, ' \n'), 'not-json', 'blank'],
    ['200 with HTML', text(200, '<html>login</html>'), 'not-json', '<html>login'],
    ['200 without apps', text(200, '{}'), 'not-apps', 'apps'],
    ['200 with null', text(200, 'null'), 'not-apps', 'apps'],
    ['200 with apps that is no list', text(200, '{"apps":{}}'), 'not-apps', 'apps'],
    ['JSON cut by its server', text(200, whole.slice(0, -40)), 'truncated', 'ends early'],
    ['401', text(401, '<html>', { 'www-authenticate': 'basic' }), 'unauthorized', '401'],
    ['403', text(403, ''), 'unauthorized', '403'],
    ['404 with JSON', text(404, '{"message":"no"}'), 'http-status', '404'],
    [
      'JSON cut below its content-length',
      (_, response) => {
        response.writeHead(200, { 'content-length': whole.length });
        response.write(whole.slice(0, -10), () => response.destroy());
      },
      'truncated',
      '',
    ],
    [
      'JSON cut between chunks',
      (_, response) => {
        response.writeHead(200);
        response.write(whole.slice(0, -10), () => response.destroy());
      },
      'truncated',
      '',
    ],
    ['gzip cut inside', text(200, gzipSync(whole).subarray(0, -12).toString('latin1')), 'not-json', ''],
    ['more bytes than can be', text(200, `{"apps":[${'"x",'.repeat(60_000)}1]}`), 'too-large', '200000'],
    ['nothing before the head', () => undefined, 'timeout', 'no answer'],
    [
      'nothing in the middle of the body',
      (_, response) => void response.writeHead(200).write(whole.slice(0, 20)),
      'timeout',
      'stopped coming',
    ],
    ['a connection closed before the head', (request) => void request.socket.destroy(), 'unreachable', ''],
  ];
  for (const [name, answer, kind, detail] of cases) {
    test(name, async () => {
      const { fake, of, result } = await readOnce(answer);
      expect(result).toMatchObject({ ok: false, failure: { kind, endpoint: fake.url } });
      expect(result.ok ? '' : result.failure.detail).toContain(detail);
      expect(of('marathon-request').map(({ op, outcome }) => ({ op, outcome }))).toEqual([
        { op: 'apps', outcome: kind },
      ]);
    });
  }

  test('refused connections', async () => {
    const fake = await startFake(json(APPS));
    await fake.stop();
    const { source } = startSource([fake.url]);
    expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'unreachable' } });
  });

  test('cut gzip', async () => {
    const cut = gzipSync(whole).subarray(0, -12);
    const { result } = await readOnce(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(cut),
    );
    expect(result).toMatchObject({ ok: false, failure: { kind: 'truncated' } });
  });

  test('gzip that unpacks to more than can be', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000, 32));
    const { result } = await readOnce(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    expect(result).toMatchObject({ ok: false, failure: { kind: 'too-large' } });
  });

  test('a TLS handshake that nobody answers', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as { port: number };
    const { source } = startSource([`https://127.0.0.1:${port}`], {}, { headers: 4_000, connect: 300 });
    expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'timeout' } });
  });

  test('an aborted read', async () => {
    const fake = await startFake(() => undefined);
    const { source } = startSource([fake.url], {}, { headers: 60_000 });
    const stop = new AbortController();
    const reading = source.snapshot('all', stop.signal);
    stop.abort();
    expect(await reading).toMatchObject({ ok: false, failure: { kind: 'aborted' } });
  });
});

test('an empty list is an answer', async () => {
  const { result } = await readOnce(json({ apps: [] }));
  expect(result).toMatchObject({ ok: true, value: { value: { apps: [] }, problems: [] } });
});

test('gzip is asked for and unpacked, below the path prefix of the base URL', async () => {
  const fake = await startFake((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(APPS)));
  });
  const { source } = startSource([`${fake.url}/service/marathon`]);
  expect(await source.snapshot('all', never())).toMatchObject({
    ok: true,
    value: { value: { apps: [{ id: '/web' }] } },
  });
  expect(fake.seen).toMatchObject([
    {
      url: '/service/marathon/v2/apps?embed=apps.tasks&embed=apps.deployments&embed=apps.readiness',
      headers: { accept: 'application/json', 'accept-encoding': 'gzip' },
    },
  ]);
});

describe('credentials', () => {
  const folder = () => mkdtemp(join(tmpdir(), 'portolan-source-'));

  test('basic auth: the first line, with colons and beyond ASCII, read again for every request', async () => {
    const fake = await startFake(json(APPS));
    const marathonAuthFile = join(await folder(), 'auth');
    await writeFile(marathonAuthFile, 'admin:pa:ßword\nignored\n');
    const { source } = startSource([fake.url], { marathonAuthFile });
    await source.snapshot('all', never());
    await writeFile(marathonAuthFile, 'admin:new');
    await source.snapshot('all', never());
    expect(fake.seen.map(({ headers }) => headers.authorization)).toEqual(
      ['admin:pa:ßword', 'admin:new'].map((pair) => `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`),
    );
  });

  test('tokens: bare ones as bearer, others as they are, rotated without restart', async () => {
    const fake = await startFake(json(APPS));
    const marathonTokenFile = join(await folder(), 'token');
    const { source } = startSource([fake.url], { marathonTokenFile });
    for (const token of ['abc.def==', 'token=eyJ', 'Bearer xyz\n']) {
      await writeFile(marathonTokenFile, token);
      await source.snapshot('all', never());
    }
    expect(fake.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer abc.def==',
      'token=eyJ',
      'Bearer xyz',
    ]);
  });

  test('files that give no credentials: no request goes out, and the failure does not show their content', async () => {
    const fake = await startFake(json(APPS));
    const folderPath = await folder();
    const bad: readonly [string, Record<string, string>][] = [
      ['missing', { marathonTokenFile: join(folderPath, 'none') }],
      ['empty', { marathonTokenFile: join(folderPath, 'empty') }],
      ['no pair', { marathonAuthFile: join(folderPath, 'word') }],
    ];
    await writeFile(join(folderPath, 'empty'), '\n');
    await writeFile(join(folderPath, 'word'), 'secret');
    for (const [, files] of bad) {
      const { source } = startSource([fake.url], files);
      const result = await source.snapshot('all', never());
      expect(result).toMatchObject({ ok: false, failure: { kind: 'unauthorized' } });
      expect(JSON.stringify(result)).not.toContain('secret');
    }
    expect(fake.seen).toEqual([]);
  });

  test('a redirect to a configured host is followed with credentials; one to another host gets no request', async () => {
    const marathonTokenFile = join(await folder(), 'token');
    await writeFile(marathonTokenFile, 'T');
    const leader = await startFake(json(APPS));
    const stranger = await startFake(json(APPS));
    const standby = await startFake((request, response) => {
      response.writeHead(302, { location: `${leader.url}${request.url}` }).end();
    });
    const { source, of } = startSource([standby.url, leader.url], { marathonTokenFile });
    expect(await source.snapshot('all', never())).toMatchObject({ ok: true });
    expect(leader.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer T']);

    standby.answer = text(302, '', { location: `${stranger.url}/v2/apps` });
    const alone = startSource([standby.url], { marathonTokenFile });
    expect(await alone.source.snapshot('all', never())).toMatchObject({
      ok: false,
      failure: { kind: 'redirect-refused' },
    });
    expect(stranger.seen).toEqual([]);
    expect(of('redirect-refused')).toEqual([]);
    expect(alone.of('redirect-refused')).toEqual([
      { type: 'redirect-refused', endpoint: standby.url, target: `${stranger.url}/v2/apps` },
    ]);

    const both = startSource([standby.url, leader.url], { marathonTokenFile });
    expect(await both.source.snapshot('all', never())).toMatchObject({ ok: true });
  });

  test('a redirect is followed once, and the prefix of its host is kept', async () => {
    const fake = await startFake((request, response) => {
      response.writeHead(302, { location: `http://${request.headers.host}/v2/apps?again` }).end();
    });
    const { source } = startSource([`${fake.url}/marathon`]);
    expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'redirect-refused' } });
    expect(fake.seen.map(({ url }) => url)).toEqual([
      '/marathon/v2/apps?embed=apps.tasks&embed=apps.deployments&embed=apps.readiness',
      '/marathon/v2/apps?again',
    ]);
  });

  test('an unknown certificate is refused until its CA is given; the CA file is read again', async () => {
    const now = Date.now();
    const pair = (commonName: string) =>
      makeSelfSigned({ commonName, names: ['m'], addresses: ['127.0.0.1'], notBefore: now - 1e6, notAfter: now + 1e9 });
    const mine = pair('marathon');
    const fake = await startFake(json(APPS), { cert: mine.certificate, key: mine.key });
    const strict = startSource([fake.url]);
    expect(await strict.source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'tls' } });
    expect(fake.seen).toEqual([]);

    const marathonCa = join(await folder(), 'ca.pem');
    await writeFile(marathonCa, pair('other').certificate);
    const given = startSource([fake.url], { marathonCa });
    expect(await given.source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'tls' } });
    await writeFile(marathonCa, mine.certificate);
    expect(await given.source.snapshot('all', never())).toMatchObject({ ok: true });

    const careless = startSource([fake.url], { marathonInsecure: true });
    expect(await careless.source.snapshot('all', never())).toMatchObject({ ok: true });
  });

  test('a client certificate is shown', async () => {
    const now = Date.now();
    const mine = makeSelfSigned({
      commonName: 'edge-1',
      names: ['m'],
      addresses: ['127.0.0.1'],
      notBefore: now - 1e6,
      notAfter: now + 1e9,
    });
    const fake = await startFake(json(APPS), {
      cert: mine.certificate,
      key: mine.key,
      ca: mine.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const folderPath = await folder();
    const [marathonCa, marathonCert, marathonKey] = ['ca', 'cert', 'key'].map((name) => join(folderPath, name));
    if (marathonCa === undefined || marathonCert === undefined || marathonKey === undefined)
      throw new Error('no paths');
    await writeFile(marathonCa, mine.certificate);
    await writeFile(marathonCert, mine.certificate);
    await writeFile(marathonKey, mine.key);
    const without = startSource([fake.url], { marathonCa });
    expect(await without.source.snapshot('all', never())).toMatchObject({ ok: false });
    const withCert = startSource([fake.url], { marathonCa, marathonCert, marathonKey });
    expect(await withCert.source.snapshot('all', never())).toMatchObject({ ok: true });
  });
});
