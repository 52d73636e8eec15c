import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSignedPem } from '../support/pem.ts';
import { createPlatform, customerApp, echo, type Platform } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

interface Status {
  readonly phase: string;
  readonly ready: boolean;
  readonly converged: boolean;
  readonly degraded: readonly string[];
  readonly heldListeners?: readonly { readonly app: string; readonly why: string }[];
  readonly applyFailing?: { readonly stage: string; readonly detail: string };
  readonly haproxy: { readonly masterPid: number; readonly workerPid: number; readonly reloads: number };
}
const statusOf = async ({ portolan }: Platform) => (await portolan.admin('/v1/status')).body as Status;
const converged = (platform: Platform) =>
  until('converged', async () => {
    const { converged: same, phase } = await statusOf(platform);
    return same && phase === 'idle';
  });
const ask = ({ portolan }: Platform, host: string, path = '/') => get(portolan.ports.http, path, { host });
const post = async (platform: Platform, name: string, more: Parameters<typeof customerApp>[1] = {}) => {
  const host = `${name}.lives.example`;
  const { labels, ...rest } = more;
  await platform.marathon.post(
    customerApp(`/lives/${name}`, {
      ...rest,
      labels: { HAPROXY_0_VHOST: host, ...(labels as Record<string, string>) },
    }),
  );
  return host;
};
/** Processes of HAProxy that were started for this Portolan. */
const haproxies = async ({ portolan }: Platform) => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(join(portolan.stateDir, 'run', 'master.sock'))).length;
};

describe('a node whose HAProxy outlives Portolan', () => {
  const TAKEN = 24_990;
  let platform: Platform;
  let other: Server | undefined;
  beforeAll(async () => {
    platform = await createPlatform(24_900, { marathon: { secondMs: 100 } });
    await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
  });
  afterAll(async () => {
    other?.close();
    await platform?.destroy();
  });

  test('whoever waits for a route can use it at once, and what is gone is gone', async () => {
    const { marathon, portolan } = platform;
    for (let cycle = 0; cycle < 6; cycle += 1) {
      const name = `c${cycle % 3}`;
      const waiting = portolan.admin(`/v1/routes/${name}.lives.example?wait=30s`);
      const host = await post(platform, name);
      expect((await waiting).status).toBe(200);
      expect((await ask(platform, host)).status).toBe(200);
      await marathon.delete(`/lives/${name}`);
      await until('unknown', async () => (await portolan.admin(`/v1/routes/${host}`)).status === 404);
      expect((await ask(platform, host)).status).toBe(503);
      await marathon.settled(`/lives/${name}`);
    }
  });

  test('stopped and started again, nobody notices and nothing is reloaded', async () => {
    const { marathon, portolan } = platform;
    const host = await post(platform, 'stays', { instances: 2 });
    expect((await portolan.admin(`/v1/routes/${host}?wait=30s`)).status).toBe(200);
    await marathon.settled();
    await converged(platform);
    const before = (await statusOf(platform)).haproxy;
    const prober = startProber({ port: portolan.ports.http, host, perSecond: 50 });
    expect(await portolan.stop()).toBe(0);
    await prober.rounds(50);
    await portolan.start();
    await converged(platform);
    await prober.rounds(20);
    expect((await prober.stop()).failures).toEqual([]);
    expect((await statusOf(platform)).haproxy).toEqual(before);
  });

  test('a port that somebody else has: told, others miss nothing, and it opens once it is free', async () => {
    const { marathon, portolan } = platform;
    const prober = startProber({ port: portolan.ports.http, host: 'stays.lives.example', perSecond: 50 });
    const callers: string[] = [];
    const taken = createServer((socket) => {
      callers.push(`port ${socket.remotePort}`);
      socket.destroy();
    });
    other = taken;
    taken.listen(TAKEN, '127.0.0.1');
    await once(taken, 'listening');
    await post(platform, 'mail', {
      mode: 'tcp',
      labels: { HAPROXY_0_MODE: 'tcp', HAPROXY_0_PORT: String(TAKEN) },
      env: { TASK_KIND: 'tcp' },
    });
    const [held] = await until('told', async () => (await statusOf(platform)).heldListeners);
    expect(held).toMatchObject({ app: '/lives/mail', bind: { port: TAKEN } });
    expect(held?.why).toContain(`(pid ${process.pid}) listens on 127.0.0.1:${TAKEN}`);
    // It is told before the rest of the same pass is done.
    await converged(platform);
    const told = await statusOf(platform);
    expect(told).toMatchObject({ ready: true, converged: true, degraded: ['listener-held'] });
    expect(told.applyFailing).toBeUndefined();
    expect((await portolan.admin('/metrics')).text).toMatch(/^portolan_listeners_held 1$/m);
    expect((await portolan.admin('/v1/problems')).text).toContain('ListenerHeld');
    // HAProxy itself would have paused for 2 s at each attempt.
    await prober.rounds(50);
    await new Promise((done) => taken.close(done));
    // Whose port it is, Portolan finds out without connecting to it.
    expect(callers).toEqual([]);
    await until('it echoes', async () => 'echoed' in (await echo(TAKEN, 'ping')), 40_000);
    expect((await prober.stop()).failures).toEqual([]);
    await converged(platform);
    expect(await statusOf(platform)).toMatchObject({ degraded: [] });
    await marathon.delete('/lives/mail');
    await marathon.settled();
    await converged(platform);
  });

  test('what a newer Portolan wrote is served and left as it is', async () => {
    const { marathon, portolan } = platform;
    await portolan.stop();
    const newer = JSON.stringify({ schema: 1_000, told: 'in a way of its own' });
    const files = ['memory.json', 'names.json', 'current/manifest.json'].map((name) => join(portolan.stateDir, name));
    for (const file of files) await writeFile(file, newer);
    await marathon.fault('all', 'refuse');
    await portolan.start();
    const { haproxy } = await until('adopted', async () => {
      const seen = await statusOf(platform);
      return seen.ready && seen;
    });
    process.kill(haproxy.masterPid, 'SIGKILL');
    await until('started from it', async () => {
      const now = await statusOf(platform);
      return now.ready && now.haproxy.masterPid !== haproxy.masterPid;
    });
    expect((await ask(platform, 'stays.lives.example')).status).toBe(200);
    for (const file of files) expect(await readFile(file, 'utf8')).toBe(newer);
    await marathon.clearFaults();
    await converged(platform);
    expect((await ask(platform, 'stays.lives.example')).status).toBe(200);
    for (const file of files.slice(0, 2)) expect(await readFile(file, 'utf8')).toBe(newer);
  });
});

describe('a node that drains', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await createPlatform(24_800, { flags: ['--on-stop', 'drain'], marathon: { secondMs: 100 } });
    const host = await post(platform, 'slow');
    expect((await platform.portolan.admin(`/v1/routes/${host}?wait=30s`)).status).toBe(200);
    await platform.marathon.settled();
    await converged(platform);
  });
  afterAll(() => platform?.destroy());

  test('answers what it was asked, takes nothing new and leaves no process', async () => {
    const { portolan } = platform;
    expect(await haproxies(platform)).toBeGreaterThan(0);
    const slow = ask(platform, 'slow.lives.example', '/slow?ms=2500');
    await until('asked', async () => (await portolan.admin('/metrics')).status === 200);
    const stopped = portolan.stop();
    await until('nothing new', async () => (await ask(platform, 'slow.lives.example')).status === 0);
    expect((await portolan.admin('/readyz')).status).toBe(503);
    expect((await slow).status).toBe(200);
    expect(await stopped).toBe(0);
    expect(await haproxies(platform)).toBe(0);
  });

  test('started with Marathon gone, it serves the last good configuration', async () => {
    const { marathon, portolan } = platform;
    await marathon.fault('all', 'refuse');
    await portolan.start();
    await until('serves', async () => (await ask(platform, 'slow.lives.example')).status === 200, 5_000);
    await until('ready', async () => (await statusOf(platform)).ready);
    expect((await portolan.admin('/v1/routes/slow.lives.example')).status).toBe(200);
  });
});

describe('files that an operator changes', () => {
  let platform: Platform;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ptf-'));
    await mkdir(join(folder, 'templates'));
    await mkdir(join(folder, 'certificates'));
    platform = await createPlatform(24_500, {
      flags: ['--templates', join(folder, 'templates'), '--ssl-certs', join(folder, 'certificates')],
      marathon: { secondMs: 100 },
    });
    await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
  });
  afterAll(async () => {
    await platform?.destroy();
    await rm(folder, { recursive: true, force: true });
  });
  const refused = async () =>
    ((await platform.portolan.admin('/v1/status')).body as { templates: { refused?: { file: string; line?: number } } })
      .templates.refused;

  test('a template is taken without a restart; one that HAProxy refuses is named by file and line, and holds up nobody', async () => {
    const { portolan } = platform;
    const file = join(folder, 'templates', 'global.hbs');
    const text = await readFile(join(import.meta.dirname, '../../templates/global.hbs'), 'utf8');
    const runs = async (line: string) => (await portolan.admin('/config')).text.includes(line);
    await writeFile(file, text.replace('spread-checks 5', 'spread-checks 7'));
    await until('taken', () => runs('spread-checks 7'));
    const broken = text.replace('spread-checks 5', 'spread-checkz 9');
    await writeFile(file, broken);
    await until('refused', async () => (await refused()) !== undefined);
    const line = broken.split('\n').findIndex((one) => one.includes('spread-checkz')) + 1;
    expect(await refused()).toMatchObject({ file, line });
    const host = await post(platform, 'meanwhile');
    expect((await portolan.admin(`/v1/routes/${host}?wait=20s`)).status).toBe(200);
    expect((await ask(platform, host)).status).toBe(200);
    expect(await runs('spread-checks 7')).toBe(true);
    await rm(file);
    await until('the package’s own again', () => runs('spread-checks 5'));
    expect(await refused()).toBeUndefined();
  });

  test('a certificate is served as soon as its file is there', async () => {
    const subject = () =>
      new Promise<string>((done) => {
        const socket = connectTls(
          {
            host: '127.0.0.1',
            port: platform.portolan.ports.https,
            servername: 'shop.example',
            rejectUnauthorized: false,
          },
          () => {
            done(String(socket.getPeerCertificate().subject.CN));
            socket.destroy();
          },
        );
        socket.on('error', (error) => done(error.message));
      });
    expect(await subject()).not.toBe('shop.example');
    const pem = await selfSignedPem(folder, 'shop.example');
    await writeFile(join(folder, 'shop.pem'), pem);
    await rename(join(folder, 'shop.pem'), join(folder, 'certificates', 'shop.pem'));
    await until('served', async () => (await subject()) === 'shop.example');
  });
});
