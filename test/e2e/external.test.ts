import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HaproxyUnit, startHaproxyUnit } from '../support/haproxy-unit.ts';
import { createPlatform, customerApp, echo, type Platform, servicePort } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

const VHOST = 'shop.external.example';
let platform: Platform;
let unit: HaproxyUnit;
beforeAll(async () => {
  platform = await createPlatform(24_400, { flags: ['--haproxy-mode', 'external'] });
});
afterAll(async () => {
  await unit?.stop();
  await platform?.destroy();
});

interface Status {
  readonly ready: boolean;
  readonly converged: boolean;
  readonly haproxy?: { readonly mode: string; readonly masterPid?: number; readonly workerPid?: number };
}
const status = async () => (await platform.portolan.admin('/v1/status')).body as Status;
const ready = () => until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200, 30_000);
const converged = () => until('converged', async () => (await status()).converged, 30_000);
const ask = () => get(platform.portolan.ports.http, '/', { host: VHOST });
const portOf = async (id: string) => {
  const master = Number(new URL(platform.marathon.urls[0] ?? '').port);
  return servicePort(platform.marathon, JSON.parse((await get(master, `/v2/apps/${id}`)).text));
};
const tcpApp = (id: string) =>
  customerApp(id, { mode: 'tcp', labels: { HAPROXY_0_MODE: 'tcp' }, env: { TASK_KIND: 'tcp' } });

/** All tasks of the shop answer. */
async function allAnswer(): Promise<void> {
  const wanted = new Set(platform.marathon.tasks('/ext/shop').map((task) => task.id));
  const seen = new Set<string>();
  await until(`${wanted.size} tasks answer`, async () => {
    const answer = await ask();
    if (answer.status === 200) seen.add((JSON.parse(answer.text) as { task: string }).task);
    return [...wanted].every((task) => seen.has(task));
  });
}

test('the words of the unit are those that are tested', async () => {
  const text = await readFile(resolve(import.meta.dirname, '../../haproxy/systemd/portolan-haproxy.service'), 'utf8');
  expect(text).toContain(
    'ExecStart=/usr/sbin/haproxy -Ws -S /var/lib/portolan/run/master.sock,mode,600 -C /var/lib/portolan/current -f haproxy.cfg\n',
  );
});

test('Portolan waits for a HAProxy that is not there, starts none, and drives it once it is', async () => {
  const { marathon, portolan } = platform;
  await marathon.post(customerApp('/ext/shop', { labels: { HAPROXY_0_VHOST: VHOST } }));
  await marathon.settled('/ext/shop');
  expect((await portolan.admin('/readyz')).status).toBe(503);
  unit = startHaproxyUnit(portolan.stateDir);
  await ready();
  const route = await portolan.admin(`/v1/routes/${VHOST}?wait=30s`);
  expect(route.status, route.text).toBe(200);
  expect((await ask()).status).toBe(200);
  expect(unit.starts).toBe(1);
  await until('the master is known', async () => (await status()).haproxy?.masterPid === unit.pid);
  expect((await status()).haproxy?.mode).toBe('external');
});

test('a new service port is loaded by a reload of the same master, without a failed request', async () => {
  const { marathon, portolan } = platform;
  const before = (await status()).haproxy?.workerPid;
  const { pid, starts } = unit;
  const prober = startProber({ port: portolan.ports.http, host: VHOST, perSecond: 60 });
  await marathon.post(tcpApp('/ext/mail'));
  const port = await portOf('/ext/mail');
  await until('the TCP service echoes', async () => 'echoed' in (await echo(port, 'ping')));
  await marathon.scale('/ext/shop', 3);
  await marathon.settled('/ext/shop');
  await allAnswer();
  const { failed, failures } = await prober.stop();
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  expect((await status()).haproxy?.workerPid).not.toBe(before);
  expect([unit.starts, unit.pid]).toEqual([starts, pid]);
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'after HAProxy was ended by %s it serves the same, and follows',
  async (signal) => {
    const { marathon } = platform;
    const { starts, pid } = unit;
    await unit.kill(signal);
    await until('HAProxy serves again', async () => (await ask()).status === 200);
    expect(unit.starts).toBe(starts + 1);
    expect(unit.pid).not.toBe(pid);
    await until('Portolan has seen it', async () => (await status()).haproxy?.masterPid === unit.pid);
    await ready();
    await marathon.scale('/ext/shop', signal === 'SIGTERM' ? 4 : 2);
    await marathon.settled('/ext/shop');
    await allAnswer();
    await converged();
  },
);

test('Portolan may be killed, stopped and started: HAProxy is not touched, and followed again', async () => {
  const { marathon, portolan } = platform;
  const { starts, pid } = unit;
  const prober = startProber({ port: portolan.ports.http, host: VHOST, perSecond: 60 });
  await portolan.crash();
  await prober.rounds(60);
  await portolan.start();
  await ready();
  await converged();
  expect(await portolan.stop()).toBe(0);
  await prober.rounds(60);
  await portolan.start();
  await ready();
  await marathon.post(tcpApp('/ext/chat'));
  const port = await portOf('/ext/chat');
  await until('the new TCP service echoes', async () => 'echoed' in (await echo(port, 'ping')));
  const { failed, failures } = await prober.stop();
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  expect([unit.starts, unit.pid]).toEqual([starts, pid]);
});

test('HAProxy ended while Portolan is down comes back with the last good configuration by itself', async () => {
  const { portolan } = platform;
  await portolan.crash();
  await unit.kill('SIGKILL');
  await until('HAProxy serves again', async () => (await ask()).status === 200);
  await portolan.start();
  await ready();
  await converged();
  expect((await ask()).status).toBe(200);
});
