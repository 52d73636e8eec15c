import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { createHaproxyRig, type HaproxyRig, portsFrom, startNamedServer } from '../../support/haproxy-rig.ts';
import { get, until } from '../../support/http-get.ts';

const freePort = portsFrom(25_800);
const open: (Server | Socket)[] = [];
let rig: HaproxyRig;
let haproxy: Haproxy;

const listenOn = (port: number, more: { address?: string; reusePort?: boolean } = {}): Promise<Server> => {
  const server = createServer((socket) => socket.destroy());
  open.push(server);
  const { address = '127.0.0.1', reusePort = false } = more;
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen({ host: address, port, reusePort }, () => done(server));
  });
};
const on = (port: number, address = '127.0.0.1') => ({ address, port });
const tried = async (port: number, address?: string) => (await haproxy.tryBinds([on(port, address)]))[0];

beforeEach(async () => {
  rig = await createHaproxyRig();
  haproxy = rig.adapter();
});
afterEach(async () => {
  for (const one of open.splice(0)) 'close' in one ? one.close() : one.destroy();
  await rig.cleanup();
});

describe('an address that is tried before HAProxy does', () => {
  test('is free, and free again afterwards', async () => {
    const port = await freePort();
    for (const address of ['127.0.0.1', '*', '127.0.0.2'])
      expect(await tried(port, address)).toEqual({ bind: on(port, address), outcome: 'free' });
    await expect(listenOn(port)).resolves.toBeDefined();
  });

  test('is taken by a listener, who is named; on every address beside one, too', async () => {
    const port = await freePort();
    await listenOn(port);
    const holder = { pid: process.pid, command: expect.any(String), as: 'listener' };
    expect(await tried(port)).toEqual({ bind: on(port), outcome: 'taken', holder });
    expect(await tried(port, '*')).toMatchObject({ outcome: 'taken', holder });
    expect(await tried(port, '127.0.0.2')).toMatchObject({ outcome: 'free' });
  });

  test('is taken by an outgoing connection, whose owner is named', async () => {
    const server = await startNamedServer('here');
    const socket = connect({ host: '127.0.0.1', port: server.port });
    open.push(socket);
    await new Promise((done) => socket.once('connect', done));
    const port = socket.localPort ?? 0;
    const holder = { pid: process.pid, command: expect.any(String), as: 'connection' };
    expect(await tried(port)).toEqual({ bind: on(port), outcome: 'taken', holder });
    socket.destroy();
    await server.close();
  });

  test('is not of this machine', async () => {
    expect(await tried(await freePort(), '192.0.2.1')).toMatchObject({ outcome: 'not-local' });
  });

  test('is among the ports of outgoing connections', async () => {
    const port = Number.parseInt(await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    expect(await tried(port, '127.0.0.77')).toMatchObject({ outcome: 'ephemeral' });
  });

  test('of many, those that are taken are found', async () => {
    const port = await freePort();
    await listenOn(port);
    const many = Array.from({ length: 300 }, (_, at) => on(port - 290 + at));
    const trials = await haproxy.tryBinds(many);
    expect(trials.map(({ bind }) => bind)).toEqual(many);
    expect(trials.filter(({ outcome }) => outcome === 'taken').map(({ bind }) => bind.port)).toContain(port);
    expect(trials.filter(({ outcome }) => outcome === 'free').length).toBeGreaterThan(200);
  });

  test('is ours where our own HAProxy has it, also beside it', async () => {
    const [port, server] = [await freePort(), await startNamedServer('a')];
    await haproxy.start();
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [`a 127.0.0.1:${server.port}`] }));
    expect(await tried(port)).toEqual({ bind: on(port), outcome: 'ours' });
    expect(await tried(port, '*')).toMatchObject({ outcome: 'ours' });
    expect((await get(port)).status).toBe(200);
    await server.close();
  });

  test('cannot be judged for an HAProxy that somebody else runs and that is not there', async () => {
    const port = await freePort();
    await listenOn(port);
    haproxy = rig.adapter({ mode: 'external' });
    expect(await tried(port)).toEqual({ bind: on(port), outcome: 'untried' });
    expect(await haproxy.foreignListeners([on(port)])).toEqual([]);
  });
});

test('who listens beside our HAProxy on the same address is named, and nobody else', async () => {
  const [port, other, server] = [await freePort(), await freePort(), await startNamedServer('a')];
  await listenOn(port, { reusePort: true });
  await listenOn(other);
  await haproxy.start();
  const config = rig.config({ ports: [port], servers: [`a 127.0.0.1:${server.port}`] });
  // As HAProxy is without Portolan: others with the same rights may share its ports.
  const files = new Map(config.files).set(
    'haproxy.cfg',
    (config.files.get('haproxy.cfg') ?? '').replace('noreuseport', ''),
  );
  await rig.apply(haproxy, { ...config, files });
  const ghost = { bind: on(port), pid: process.pid, command: expect.any(String) };
  expect(await haproxy.foreignListeners([on(port)])).toEqual([ghost]);
  for (const one of open.splice(0)) 'close' in one && one.close();
  expect(await haproxy.foreignListeners([on(port)])).toEqual([]);
  // Nobody is called a stranger who was on his way out: HAProxy itself is, each time that it is started again.
  await listenOn(port, { reusePort: true });
  const looked = haproxy.foreignListeners([on(port)]);
  await new Promise((later) => setTimeout(later, 300));
  for (const one of open.splice(0)) 'close' in one && one.close();
  expect(await looked).toEqual([]);
  await server.close();
});

describe('a port that somebody took while HAProxy was away', () => {
  test('does not keep the others down', async () => {
    const [kept, stolen, server] = [await freePort(), await freePort(), await startNamedServer('a')];
    await haproxy.start();
    const config = rig.config({ ports: [kept, stolen], servers: [`a 127.0.0.1:${server.port}`] });
    await rig.apply(haproxy, config);
    await haproxy.stop('drain');
    await listenOn(stolen);
    const next = rig.adapter();
    const started = await next.start();
    expect(started).toMatchObject({ ok: true, value: { known: true } });
    expect((await get(kept)).status).toBe(200);
    expect(started.ok && started.value?.known && started.value.config.digest).not.toBe(config.digest);
    expect((await next.generations())[0]).toMatchObject({
      state: 'running',
      why: expect.stringContaining(`${stolen}`),
    });
    await server.close();
  });

  test('keeps HAProxy from starting where nothing else is left', async () => {
    const [stolen, server] = [await freePort(), await startNamedServer('a')];
    await haproxy.start();
    await rig.apply(haproxy, rig.config({ ports: [stolen], servers: [`a 127.0.0.1:${server.port}`] }));
    await haproxy.stop('drain');
    const thief = await listenOn(stolen);
    const next = rig.adapter();
    expect(await next.start()).toMatchObject({ ok: false, failure: { kind: 'start-failed' } });
    await new Promise((done) => thief.close(done));
    await until('it serves', async () => (await get(stolen)).status === 200, 10_000);
    await server.close();
  });

  test('is no configuration that was applied: what serves is told', async () => {
    const [kept, stolen, server] = [await freePort(), await freePort(), await startNamedServer('a')];
    await haproxy.start();
    await listenOn(stolen);
    const config = rig.config({ ports: [kept, stolen], servers: [`a 127.0.0.1:${server.port}`] });
    expect(await rig.apply(haproxy, config)).toMatchObject({
      kind: 'rejected',
      failure: { kind: 'start-failed' },
      serving: 2,
    });
    expect((await get(kept)).status).toBe(200);
    await server.close();
  });
});
