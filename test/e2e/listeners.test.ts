import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createPlatform, customerApp, type Platform } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

interface Held {
  readonly bind: { readonly port: number };
  readonly app?: string;
  readonly setting?: string;
  readonly why: string;
}
interface Status {
  readonly ready: boolean;
  readonly converged: boolean;
  readonly degraded: readonly string[];
  readonly heldListeners?: readonly Held[];
  readonly haproxy: { readonly masterPid: number };
}
const FIRST = 26_010;
const HTTP = FIRST;
const thieves: Server[] = [];
let platform: Platform | undefined;

/** Takes a port as soon as whoever had it before has ended. */
const take = (port: number): Promise<Server> =>
  until(`port ${port} is free`, async () => {
    const server = createServer((socket) => socket.destroy());
    const listens = await new Promise<boolean>((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => done(true));
    });
    if (listens) thieves.push(server);
    return listens && server;
  });
const give = (server: Server) => new Promise((done) => server.close(done));
const statusOf = async ({ portolan }: Platform) => (await portolan.admin('/v1/status')).body as Status;
const app = (name: string, port: number) =>
  customerApp(`/listeners/${name}`, {
    labels: { HAPROXY_0_VHOST: `${name}.listeners.example`, HAPROXY_0_PORT: String(port) },
  });

/** Two apps with service ports of their own, which serve. */
async function twoPorts(on: Platform) {
  const [kept, stolen] = [FIRST + 80, FIRST + 81];
  await on.marathon.post(app('kept', kept));
  await on.marathon.post(app('stolen', stolen));
  for (const port of [kept, stolen])
    await until('it serves', async () => (await get(port, '/')).status === 200, 30_000);
  return { kept, stolen, haproxy: (await statusOf(on)).haproxy };
}

afterEach(async () => {
  await Promise.all(thieves.splice(0).map(give));
  await platform?.destroy();
  platform = undefined;
});

describe('a node on which somebody else has', () => {
  test('the shared port: what else there is serves from the start, and the port as soon as it is free', async () => {
    const thief = await take(HTTP);
    platform = await createPlatform(FIRST, { start: false, marathon: { secondMs: 100 } });
    const { marathon, portolan } = platform;
    await marathon.post(app('web', FIRST + 80));
    await portolan.start();
    await until('its own port serves', async () => (await get(FIRST + 80, '/')).status === 200, 30_000);
    const told = await until('well', async () => {
      const status = platform && (await statusOf(platform));
      return status?.ready && status.converged && status;
    });
    expect(told.degraded).toContain('listener-held');
    expect(told.heldListeners).toMatchObject([{ setting: 'http-bind', bind: { port: HTTP } }]);
    expect(told.heldListeners?.[0]?.why).toContain(`(pid ${process.pid})`);
    const prober = startProber({ port: FIRST + 80, perSecond: 50 });
    await give(thief);
    const shared = async () => (await get(HTTP, '/', { host: 'web.listeners.example' })).status === 200;
    await until('the shared port serves', shared, 70_000);
    expect((await prober.stop()).failures).toEqual([]);
    expect((await statusOf(platform)).heldListeners).toBeUndefined();
  });

  test('every port: nothing is started, until one is free', async () => {
    const [thief] = [await take(HTTP), await take(FIRST + 1), await take(FIRST + 2), await take(FIRST + 3)];
    platform = await createPlatform(FIRST, { marathon: { secondMs: 100 } });
    const held = await until('told', async () => platform && (await statusOf(platform)).heldListeners);
    const names = ['http-bind', 'https-bind', 'appid-bind', 'stats-bind'];
    expect(held.map(({ setting }) => setting)).toEqual(names);
    expect((await platform.portolan.admin('/readyz')).status).toBe(503);
    await give(thief);
    await until('ready', async () => (await platform?.portolan.admin('/readyz'))?.status === 200, 70_000);
    expect((await get(HTTP, '/', { host: 'nobody.example' })).status).toBe(503);
  });

  test('the admin API’s address: apps are served, and the API comes back', async () => {
    const thief = await take(FIRST + 4);
    platform = await createPlatform(FIRST, { start: false, marathon: { secondMs: 100 } });
    const { marathon, portolan } = platform;
    await marathon.post(app('web', FIRST + 80));
    const starting = portolan.start();
    await until('it serves', async () => (await get(FIRST + 80, '/')).status === 200, 30_000);
    expect(portolan.output()).toContain(`the admin API cannot listen on 127.0.0.1:${FIRST + 4}`);
    await give(thief);
    await starting;
    expect((await statusOf(platform)).degraded).not.toContain('admin-unbound');
  });

  test('the port of one app while HAProxy is killed: the others come back, and that one when the port is free', async () => {
    platform = await createPlatform(FIRST, { marathon: { secondMs: 100 } });
    const { portolan } = platform;
    const { kept, stolen, haproxy } = await twoPorts(platform);
    // Without Portolan nobody starts HAProxy again before the port is stolen.
    await portolan.crash();
    process.kill(haproxy.masterPid, 'SIGKILL');
    const thief = await take(stolen);
    await portolan.start();
    await until('the other serves', async () => (await get(kept, '/')).status === 200);
    const shared = async () => (await get(HTTP, '/', { host: 'stolen.listeners.example' })).status === 200;
    await until('its vhost serves', shared);
    const [held] = await until('told', async () => platform && (await statusOf(platform)).heldListeners);
    expect(held).toMatchObject({ app: '/listeners/stolen', bind: { port: stolen } });
    const prober = startProber({ port: kept, perSecond: 50 });
    await give(thief);
    await until('it serves again', async () => (await get(stolen, '/')).status === 200, 70_000);
    expect((await prober.stop()).failures).toEqual([]);
  });

  test('the same while Marathon is out, and in a new life of Portolan', async () => {
    platform = await createPlatform(FIRST, { marathon: { secondMs: 100 } });
    const { marathon, portolan } = platform;
    const { kept, stolen, haproxy } = await twoPorts(platform);
    await marathon.fault('all', 'refuse');
    await portolan.crash();
    process.kill(haproxy.masterPid, 'SIGKILL');
    const thief = await take(stolen);
    await portolan.start();
    await until('the other serves', async () => (await get(kept, '/')).status === 200);
    const [held] = await until('told', async () => platform && (await statusOf(platform)).heldListeners);
    expect(held).toMatchObject({ bind: { port: stolen }, why: expect.stringContaining(`(pid ${process.pid})`) });
    const prober = startProber({ port: kept, perSecond: 50 });
    await give(thief);
    await until('it serves again', async () => (await get(stolen, '/')).status === 200, 70_000);
    await until('nothing is held', async () => platform && (await statusOf(platform)).heldListeners === undefined);
    await marathon.clearFaults();
    await until('well', async () => platform && (await statusOf(platform)).converged, 60_000);
    expect((await get(stolen, '/')).status).toBe(200);
    expect((await prober.stop()).failures).toEqual([]);
  });
});
