import { afterEach, describe, expect, test } from 'vitest';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { applied, ask, type Rig, startRig, UP, until, webConfig, webTable } from './rig.ts';

const rigs: Rig[] = [];
async function rig(): Promise<Rig> {
  const started = await startRig();
  rigs.push(started);
  return started;
}
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((one) => one.close()));
});

const WANTED: DaemonEventBody = { type: 'table-built', table: webTable(), problems: [], ms: 1 };
const DOWN = { ...UP, state: 'down' } as const;

test('without wait the answer comes at once: 404, 503 with reason, 200', async () => {
  const { places, emit, setServers } = await rig();
  const look = async (path = '/v1/routes/Web.Example.:80') => {
    const answer = await ask(places.url, path);
    return [answer.status, answer.json()['code'] ?? answer.json()['reason'], answer.headers['retry-after']];
  };
  expect(await look()).toEqual([404, 'NoSuchHost', undefined]);
  emit(WANTED);
  expect(await look()).toEqual([503, 'WaitingForReload', '1']);
  emit(applied(1));
  setServers([DOWN]);
  expect(await look()).toEqual([503, 'NoServerUp', '1']);
  setServers([DOWN, { ...UP, server: 's2' }]);
  expect(await look()).toEqual([200, 'Ready', undefined]);
  expect(await look('/v1/routes/web.example?path=/any')).toEqual([200, 'Ready', undefined]);
  expect(await look('/v1/routes/other.example')).toEqual([404, 'NoSuchHost', undefined]);
});

describe('with wait', () => {
  test('the answer comes when the route is loaded and a server is up', async () => {
    const { places, emit, setServers, admin } = await rig();
    let done = false;
    const answer = ask(places.url, '/v1/routes/web.example?wait=30s').finally(() => {
      done = true;
    });
    await until(() => admin.waiting() === 1, 'the request waits');
    emit(WANTED);
    emit(applied(1));
    setServers([DOWN]);
    const before = Date.now();
    await until(() => Date.now() - before > 250, 'two polls passed');
    expect(done).toBe(false);
    setServers([UP]);
    expect((await answer).json()).toMatchObject({ ready: true, vhost: 'web.example', app: { id: '/prod/web' } });
    expect(admin.waiting()).toBe(0);
  });

  test('the deadline gives the reason of that moment, 404 only then', async () => {
    const { places, emit } = await rig();
    const [unknown] = await Promise.all([
      ask(places.url, '/v1/routes/none.example?wait=150ms'),
      ask(places.url, '/v1/routes/web.example?wait=300ms').then((answer) => {
        expect(answer.status).toBe(503);
        expect(answer.json()['code']).toBe('WaitingForReload');
      }),
      Promise.resolve().then(() => emit(WANTED)),
    ]);
    expect([unknown.status, unknown.json()['code']]).toEqual([404, 'NoSuchHost']);
  });

  test('servers read from the worker before a reload do not count for the one after it', async () => {
    const { places, emit, setServers } = await rig();
    emit(WANTED);
    emit(applied(1));
    setServers([UP]);
    expect((await ask(places.url, '/v1/routes/web.example')).status).toBe(200);
    emit(applied(2, webConfig('d2')));
    setServers([DOWN]);
    expect((await ask(places.url, '/v1/routes/web.example?wait=100ms')).json()['code']).toBe('NoServerUp');
  });

  test('a client that goes away frees its waiter, and with the last one the polling ends', async () => {
    const { places, admin, listeners, reads } = await rig();
    const client = new AbortController();
    const gone = ask(places.url, '/v1/routes/web.example?wait=60s', { signal: client.signal });
    const other = new AbortController();
    const goneToo = ask(places.socket, '/v1/routes/web.example?wait=60s', { method: 'HEAD', signal: other.signal });
    await until(() => admin.waiting() === 2, 'both wait');
    expect(listeners()).toBe(1);
    client.abort();
    await expect(gone).rejects.toThrow();
    await until(() => admin.waiting() === 1, 'one is freed');
    other.abort();
    await expect(goneToo).rejects.toThrow();
    await until(() => admin.waiting() === 0 && listeners() === 0, 'nobody listens');
    const after = reads();
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(reads()).toBe(after);
    const { text } = await ask(places.socket, '/metrics');
    expect(text).toContain('portolan_waiters 0');
    expect(text).toContain('portolan_wait_duration_seconds_count{outcome="gone"} 2');
  });

  test('many who wait share one poll', async () => {
    const { places, admin, reads, emit, setServers } = await rig();
    const all = Array.from({ length: 50 }, () => ask(places.url, '/v1/routes/web.example?wait=30s'));
    await until(() => admin.waiting() === 50, 'all wait');
    const before = reads();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(reads() - before).toBeLessThan(12);
    emit(WANTED);
    setServers([UP]);
    emit(applied(1));
    expect(new Set((await Promise.all(all)).map((answer) => answer.status))).toEqual(new Set([200]));
  });

  test('stopping answers who waits', async () => {
    const { places, admin } = await rig();
    const answer = ask(places.url, '/v1/routes/web.example?wait=60s');
    await until(() => admin.waiting() === 1, 'the request waits');
    await admin.stop();
    expect((await answer).status).toBe(404);
  });
});
