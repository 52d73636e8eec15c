import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPlatform, customerApp, echo, type Platform, servicePort } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

const VHOST = 'my-app.nws.example';
let platform: Platform;
beforeAll(async () => {
  platform = await createPlatform(24_000);
  await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
});
afterAll(() => platform?.destroy());

const ask = (host: string, path = '/') => get(platform.portolan.ports.http, path, { host });
const taskOf = (text: string) => (JSON.parse(text) as { task: string }).task;
const mapRows = async () => {
  const { readFile } = await import('node:fs/promises');
  return readFile(`${platform.portolan.stateDir}/current/maps/hosts.map`, 'utf8');
};
/** What one app’s answers say, until `n` different tasks have answered. */
async function answering(n: number, question: () => Promise<string | undefined>): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  await until(`${n} tasks answer`, async () => {
    const task = await question();
    if (task !== undefined) seen.add(task);
    return seen.size >= n;
  });
  return seen;
}

describe('the platform’s story over HTTP', () => {
  test('an app is not routed before it is healthy, and routed after', async () => {
    const { marathon, portolan } = platform;
    const app = customerApp('/osdc/my-app', {
      labels: { HAPROXY_0_VHOST: VHOST },
      env: { TASK_HEALTHY_AFTER_MS: '1500' },
    });
    await marathon.post(app);
    const statuses: number[] = [];
    await until('the task is healthy for Marathon', async () => {
      const { status } = await ask(VHOST);
      const shown = (await get(Number(new URL(marathon.urls[0] ?? '').port), '/v2/apps//osdc/my-app')).text;
      // Portolan is quick: only what was answered before Marathon said healthy counts.
      if (/"alive":true/.test(shown)) return true;
      statuses.push(status);
      return false;
    });
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(statuses.length).toBeGreaterThan(5);
    const route = await portolan.admin(`/v1/routes/${VHOST}?wait=20s`);
    expect(route.status, route.text).toBe(200);
    // The provisioner's contract: after the 200 the very first request succeeds.
    expect((await ask(VHOST)).status).toBe(200);
  });

  test('scaled to six, all six answer', async () => {
    const { marathon } = platform;
    await marathon.scale('/osdc/my-app', 6);
    await marathon.settled('/osdc/my-app');
    const seen = await answering(6, async () => {
      const answer = await ask(VHOST);
      expect(answer.status).toBe(200);
      return taskOf(answer.text);
    });
    expect(seen).toEqual(new Set(marathon.tasks('/osdc/my-app').map((task) => task.id)));
  });

  test('a rolling upgrade fails no request, on new and on kept connections', async () => {
    const { marathon, portolan } = platform;
    const old = new Set(marathon.tasks('/osdc/my-app').map((task) => task.id));
    const prober = startProber({ port: portolan.ports.http, host: VHOST, perSecond: 60 });
    await marathon.put('/osdc/my-app', {
      env: { RELEASE: '2' },
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 },
    });
    await marathon.settled('/osdc/my-app');
    await prober.rounds(120);
    const { ok, failed, failures } = await prober.stop();
    expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
    expect(ok).toBeGreaterThan(200);
    const now = marathon.tasks('/osdc/my-app').map((task) => task.id);
    expect(now).toHaveLength(6);
    expect(now.some((task) => old.has(task))).toBe(false);
    const answered = taskOf((await ask(VHOST)).text);
    expect(now).toContain(answered);
  });

  test('deleted, it answers 503 and is gone: in no map and not in /v1/routes', async () => {
    const { marathon, portolan } = platform;
    expect(await mapRows()).toContain(VHOST);
    await marathon.delete('/osdc/my-app');
    await until('503', async () => (await ask(VHOST)).status === 503);
    await until('out of /v1/routes', async () => !(await portolan.admin('/v1/routes')).text.includes(VHOST));
    expect(await mapRows()).not.toContain(VHOST);
    expect((await portolan.admin(`/v1/routes/${VHOST}`)).status).toBe(404);
    expect((await ask(VHOST)).status).toBe(503);
  });
});

describe('the same story over TCP', () => {
  let port = 0;

  test('its service port is closed before it is healthy, and echoes after', async () => {
    const { marathon } = platform;
    const posted = await marathon.post(
      customerApp('/osdc/mail', {
        mode: 'tcp',
        labels: { HAPROXY_0_MODE: 'tcp' },
        env: { TASK_KIND: 'tcp', TASK_HEALTHY_AFTER_MS: '1000' },
      }),
    );
    expect(posted.ok).toBe(true);
    const shown = await get(Number(new URL(marathon.urls[0] ?? '').port), '/v2/apps//osdc/mail');
    port = servicePort(marathon, JSON.parse(shown.text));
    expect(await echo(port, 'early')).toEqual({ error: 'ECONNREFUSED' });
    const answer = await until('the service port echoes', async () => {
      const got = await echo(port, 'ping');
      return 'echoed' in got ? got : undefined;
    });
    expect(answer.echoed).toBe('ping');
  });

  test('scaled to six, all six greet', async () => {
    const { marathon } = platform;
    await marathon.scale('/osdc/mail', 6);
    await marathon.settled('/osdc/mail');
    const seen = await answering(6, async () => {
      const got = await echo(port, 'x');
      expect(got).toHaveProperty('greeting');
      return 'greeting' in got ? /hello from (\S+)/.exec(got.greeting)?.[1] : undefined;
    });
    expect(seen).toEqual(new Set(marathon.tasks('/osdc/mail').map((task) => task.id)));
  });

  test('a rolling upgrade fails no connection', async () => {
    const { marathon } = platform;
    const failures: string[] = [];
    let asked = 0;
    let upgrading = true;
    const knocking = (async () => {
      while (upgrading) {
        const got = await echo(port, 'ping');
        asked += 1;
        if (!('echoed' in got)) failures.push(got.error);
        await new Promise((r) => setTimeout(r, 10));
      }
    })();
    await marathon.put('/osdc/mail', {
      env: { TASK_KIND: 'tcp', RELEASE: '2' },
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 },
    });
    await marathon.settled('/osdc/mail');
    const end = asked + 50;
    await until('fifty more', () => asked >= end);
    upgrading = false;
    await knocking;
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  });

  test('deleted, its port is closed', async () => {
    const { marathon, portolan } = platform;
    await marathon.delete('/osdc/mail');
    await until('refused', async () => {
      const got = await echo(port, 'late');
      return 'error' in got && got.error === 'ECONNREFUSED';
    });
    await until('out of /v1/routes', async () => !(await portolan.admin('/v1/routes')).text.includes('/osdc/mail'));
  });
});
