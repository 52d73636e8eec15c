import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../../src/haproxy/cli-connection.ts';
import { createPlatform, customerApp, echo, type Platform, servicePort } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

// The service ports of the cluster are those of the range, so that nothing here needs a reload.
const FIRST = 24_600;
const VHOST = 'shop.runtime.example';
let platform: Platform;
beforeAll(async () => {
  platform = await createPlatform(FIRST, {
    marathon: { servicePorts: { from: FIRST + 20, to: FIRST + 59 } },
    flags: [
      '--service-port-range',
      `127.0.0.1:${FIRST + 20}-${FIRST + 59}`,
      '--spare-http',
      '10',
      '--spare-sticky',
      '4',
      '--spare-tcp',
      '5',
    ],
  });
  await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
});
afterAll(() => platform?.destroy());

interface Status {
  readonly converged: boolean;
  readonly haproxy: {
    readonly workerPid: number;
    readonly generation: number;
    readonly reloads: number;
    readonly tier: string;
  };
  readonly counts: { readonly runtimeChanges: number };
}
const status = async () => (await platform.portolan.admin('/v1/status')).body as Status;
const worker = async () => {
  const { workerPid, reloads, generation } = (await status()).haproxy;
  return { workerPid, reloads, generation };
};
const visit = (host: string) => get(platform.portolan.ports.http, '/', { host });
const journal = async () =>
  (await readFile(`${platform.portolan.stateDir}/journal.ndjson`, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { event: string; [field: string]: unknown });

test('a new app over HTTP and one over TCP are served without a reload', async () => {
  const { marathon, portolan } = platform;
  const before = await worker();
  await marathon.post(customerApp('/run/shop', { labels: { HAPROXY_0_VHOST: VHOST } }));
  await marathon.post(
    customerApp('/run/mail', { mode: 'tcp', labels: { HAPROXY_0_MODE: 'tcp' }, env: { TASK_KIND: 'tcp' } }),
  );
  const route = await portolan.admin(`/v1/routes/${VHOST}?wait=30s`);
  expect(route.status, route.text).toBe(200);
  expect((await visit(VHOST)).status).toBe(200);
  const master = Number(new URL(marathon.urls[0] ?? '').port);
  const shown = async (id: string) => servicePort(marathon, JSON.parse((await get(master, `/v2/apps/${id}`)).text));
  const mail = await shown('/run/mail');
  await until('the TCP service echoes', async () => 'echoed' in (await echo(mail, 'ping')));
  // The HTTP app answers on its own port too.
  expect((await get(await shown('/run/shop'), '/', { host: 'any' })).status).toBe(200);
  expect(await worker()).toEqual(before);
});

/** Names of the backends that the worker has. */
const backends = async () => {
  const asked = await ask(`${platform.portolan.stateDir}/run/haproxy.sock`, 'show backend', 5_000);
  return asked.ok ? asked.value.trim().split('\n').slice(1) : [];
};
const makesBackends = async () => (await status()).haproxy.tier === 'A';

test('the app is under its own name where HAProxy can make a backend, else on a spare', async () => {
  const own = (await backends()).some((name) => /^run_shop_\d+$/.test(name));
  const spares = (await backends()).filter((name) => name.startsWith('portolan_spare_'));
  expect([own, spares.length > 0]).toEqual((await makesBackends()) ? [true, false] : [false, true]);
});

test('scaled 1 → 6 → 1 under load it fails no request and reloads nothing', async () => {
  const { marathon, portolan } = platform;
  const before = await worker();
  const prober = startProber({ port: portolan.ports.http, host: VHOST, perSecond: 60 });
  await marathon.scale('/run/shop', 6);
  await marathon.settled('/run/shop');
  const all = new Set(marathon.tasks('/run/shop').map(({ id }) => id));
  await until('all six answer', () => [...all].every((id) => prober.seen().answers.has(id)));
  await marathon.scale('/run/shop', 1);
  await marathon.settled('/run/shop');
  await prober.rounds(60);
  const { failed, failures } = await prober.stop();
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  expect(await worker()).toEqual(before);
  const taken = (await journal()).filter(({ event }) => event === 'taken-out');
  expect(taken.length).toBeGreaterThan(0);
});

test('a sticky app is served and scaled without a reload, and its clients stay where they are', async () => {
  const { marathon, portolan } = platform;
  const before = await worker();
  const host = 'sticky.runtime.example';
  await marathon.post(customerApp('/run/sticky', { labels: { HAPROXY_0_VHOST: host, HAPROXY_0_STICKY: 'true' } }));
  expect((await portolan.admin(`/v1/routes/${host}?wait=30s`)).status).toBe(200);
  const first = await visit(host);
  const cookie = String(first.headers['set-cookie']).replace(/;.*/, '');
  expect(cookie).toMatch(/^mesosphere_server_id=[0-9a-f]{10,16}$/);
  await marathon.scale('/run/sticky', 3);
  await marathon.settled('/run/sticky');
  const cookies = new Set<string>();
  await until('all three give cookies', async () => {
    cookies.add(String((await visit(host)).headers['set-cookie']).replace(/;.*/, ''));
    return cookies.size === 3;
  });
  for (const each of [...cookies, ...cookies]) {
    const { status: answered, headers } = await get(portolan.ports.http, '/', { host, cookie: each });
    expect([answered, headers['set-cookie']]).toEqual([200, undefined]);
  }
  expect(cookies.has(cookie)).toBe(true);
  expect(await worker()).toEqual(before);
});

test('the disk follows the socket: what a new HAProxy would start with holds the app', async () => {
  const cfg = await until('the app’s own backend is on disk', async () => {
    const text = await readFile(`${platform.portolan.stateDir}/current/haproxy.cfg`, 'utf8');
    return /backend run_shop_\d+ from /.test(text) && text;
  });
  expect(cfg).toMatch(/backend run_mail_\d+ from /);
});

test('Portolan killed and started again adopts what the socket has changed, without a reload', async () => {
  const { marathon, portolan } = platform;
  const before = await worker();
  const prober = startProber({ port: portolan.ports.http, host: VHOST, perSecond: 40 });
  await portolan.crash();
  await prober.rounds(20);
  await portolan.start();
  await until('converged', async () => (await status()).converged);
  await marathon.scale('/run/shop', 3);
  await marathon.settled('/run/shop');
  const all = marathon.tasks('/run/shop').map(({ id }) => id);
  await until('all three answer', () => all.every((id) => prober.seen().answers.has(id)));
  const { failed, failures } = await prober.stop();
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  expect(await worker()).toEqual(before);
});

test('with Marathon gone and HAProxy killed, what the socket has brought is back', async () => {
  const { marathon, portolan } = platform;
  // The newest change is on disk, too.
  await until('published', async () => {
    const text = await readFile(`${portolan.stateDir}/current/haproxy.cfg`, 'utf8');
    const section = text.split('\n\n').find((each) => each.startsWith('backend run_shop_'));
    return (section?.match(/^ {2}server /gm)?.length ?? 0) === 3;
  });
  const before = await worker();
  await marathon.fault('all', 'refuse');
  process.kill(before.workerPid, 'SIGKILL');
  await until('it answers again', async () => (await visit(VHOST)).status === 200, 5_000);
  await until('by another worker', async () => (await worker()).workerPid !== before.workerPid);
  await marathon.clearFaults();
});

test('deleted it is gone, without a reload', async () => {
  const { marathon, portolan } = platform;
  await until('converged', async () => (await status()).converged);
  const before = await worker();
  await marathon.delete('/run/shop');
  await until('503', async () => (await visit(VHOST)).status === 503);
  await until('out of /v1/routes', async () => !(await portolan.admin('/v1/routes')).text.includes(VHOST));
  expect(await worker()).toEqual(before);
  if (await makesBackends()) {
    await until(
      'its backend is deleted',
      async () => !(await backends()).some((name) => name.startsWith('run_shop')),
      60_000,
    );
  }
});
