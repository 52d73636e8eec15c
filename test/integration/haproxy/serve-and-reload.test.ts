import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { createHaproxy } from '../../../src/haproxy/adapter.ts';
import {
  createHaproxyRig,
  generationOf,
  type HaproxyRig,
  type NamedServer,
  portsFrom,
  realClock,
  startNamedServer,
} from '../../support/haproxy-rig.ts';
import { get, requestSteadily } from '../../support/http-get.ts';

const freePort = portsFrom(22_000);
const never = new AbortController().signal;

describe('a managed HAProxy', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let backend: NamedServer;
  let port: number;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    backend = await startNamedServer('one', await freePort());
    port = await freePort();
    haproxy = rig.adapter();
  });

  afterEach(async () => {
    await rig.cleanup();
    await backend.close();
  });

  const server = (): string => `s1 127.0.0.1:${backend.port} check inter 200ms`;

  test('has nothing to serve before its first configuration, which starts it', async () => {
    expect(await haproxy.start()).toEqual({ ok: true, value: undefined });
    expect(await rig.pids()).toEqual([]);
    expect(await haproxy.observe()).toMatchObject({ known: false });

    const config = rig.config({ ports: [port], servers: [server()], name: 'first' });
    const applied = await rig.apply(haproxy, config);

    expect(applied).toMatchObject({ kind: 'applied', via: 'start', generation: 1 });
    const answer = await get(port, { host: 'named.example' });
    expect(answer).toMatchObject({ status: 200, body: 'one', headers: { 'x-config': 'first' } });
    expect(await haproxy.observe()).toEqual({ known: true, generation: 1, config });
    const view = await haproxy.view();
    expect(view).toMatchObject({ up: true, mode: 'managed', generation: 1, oldWorkers: 0, reloads: 0 });
    expect([...(await rig.pids())].sort()).toEqual([view.masterPid, view.workerPid].sort());
    expect(await haproxy.servers('servers')).toEqual({
      ok: true,
      value: [{ backend: 'servers', server: 's1', address: '127.0.0.1', port: backend.port, state: 'up' }],
    });
    expect(await haproxy.servers('no-such-backend')).toEqual({ ok: true, value: [] });
    expect(rig.events.find(({ type }) => type === 'haproxy-up')).toMatchObject({ how: 'started', config });
    const files = await haproxy.files();
    expect(files.ok && files.value.get('haproxy.cfg')).toContain('setenv PORTOLAN_GENERATION 1\n');
  });

  test('opens every listener again when a new one excludes an old one', async () => {
    const extra = await freePort();
    const listening = (bind: string) => {
      const made = rig.config({ ports: [port], servers: [], frontend: ['http-request return status 200'] });
      const text = `${made.files.get('haproxy.cfg')}frontend other\n  bind ${bind}:${extra}\n  http-request return status 200\n`;
      return { ...made, files: new Map(made.files).set('haproxy.cfg', text), digest: bind };
    };
    await haproxy.start();
    await rig.apply(haproxy, listening('127.0.0.1'));
    expect(await rig.apply(haproxy, listening('*'))).toMatchObject({ kind: 'applied', generation: 2 });
    expect((await get(port)).status).toBe(200);
    expect((await get(extra)).status).toBe(200);
    expect(await haproxy.view()).toMatchObject({ up: true, generation: 2 });
  });

  test('loses no request in 20 reloads, with connections of their own and with kept ones', async () => {
    await haproxy.start();
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [server()], name: 'reload-0' }));
    const fresh = requestSteadily({ port, perSecond: 150, keepAlive: false });
    const kept = requestSteadily({ port, perSecond: 150, keepAlive: true });
    for (let round = 1; round <= 20; round += 1) {
      const config = rig.config({ ports: [port], servers: [server()], name: `reload-${round}` });
      const applied = await rig.apply(haproxy, config);
      expect(applied).toMatchObject({ kind: 'applied', via: 'reload', generation: round + 1 });
      expect((await get(port)).headers).toMatchObject({ 'x-config': `reload-${round}` });
    }
    const [first, second] = [await fresh.stop(), await kept.stop()];
    expect(first.failures).toEqual([]);
    expect(second.failures).toEqual([]);
    expect(Math.min(first.sent, second.sent)).toBeGreaterThan(100);
    expect(await haproxy.view()).toMatchObject({ reloads: 20, generation: 21 });
  });

  test('refuses an invalid configuration with its lines and goes on serving', async () => {
    await haproxy.start();
    const good = rig.config({ ports: [port], servers: [server()], name: 'good' });
    await rig.apply(haproxy, good);
    const bad = rig.config({ ports: [port], servers: [server(), 's2 127.0.0.1:1 bogus'], frontend: ['nonsense 1'] });
    const lines = (bad.files.get('haproxy.cfg') ?? '').split('\n');

    const verdict = await haproxy.validate(bad, 'test', never);

    expect(verdict.ok).toBe(false);
    if (verdict.ok || verdict.failure.kind !== 'invalid') throw new Error('expected an invalid configuration');
    const alerts = verdict.failure.diagnostics.filter(({ severity }) => severity === 'alert');
    expect(alerts.map(({ line }) => line)).toEqual([
      lines.findIndex((line) => line.includes('nonsense')) + 1,
      lines.findIndex((line) => line.includes('bogus')) + 1,
    ]);
    expect(alerts[1]?.message).toContain('bogus');
    expect(await get(port)).toMatchObject({ status: 200, headers: { 'x-config': 'good' } });
    expect(await haproxy.observe()).toEqual({ known: true, generation: 1, config: good });
    expect((await haproxy.generations()).map(({ state }) => state)).toEqual(['rejected', 'running']);
  });

  test('goes back to what serves when a port is taken, and takes the next good configuration', async () => {
    await haproxy.start();
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [server()], name: 'before' }));
    const taken = await freePort();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(taken, '127.0.0.1', resolve));
    for (let round = 1; round <= 2; round += 1) {
      const result = await rig.apply(haproxy, rig.config({ ports: [port, taken], servers: [server()], name: 'taken' }));
      expect(result).toMatchObject({ kind: 'rejected', serving: 1, failure: { kind: 'reload-failed' } });
      if (result.kind !== 'rejected' || result.failure.kind !== 'reload-failed') throw new Error('expected a failure');
      expect(result.failure.diagnostics.map(({ message }) => message).join('\n')).toContain(String(taken));
      expect(await get(port)).toMatchObject({ status: 200, headers: { 'x-config': 'before' } });
      expect(await haproxy.observe()).toMatchObject({ known: true, generation: 1 });
    }

    await new Promise((resolve) => squatter.close(resolve));
    const after = await rig.apply(haproxy, rig.config({ ports: [port, taken], servers: [server()], name: 'after' }));

    expect(generationOf(after)).toBe(4);
    expect(await get(taken)).toMatchObject({ status: 200, headers: { 'x-config': 'after' } });
    expect(await haproxy.view()).toMatchObject({ up: true, generation: 4 });
  });

  test('sends a lost reload again: right after a start, 20 times', async () => {
    for (let round = 0; round < 20; round += 1) {
      const fresh = await createHaproxyRig();
      try {
        const driver = fresh.adapter();
        await driver.start();
        const at = await freePort();
        await fresh.apply(driver, fresh.config({ ports: [at], servers: [server()], name: 'one' }));
        const second = await fresh.apply(driver, fresh.config({ ports: [at], servers: [server()], name: 'two' }));
        expect(second).toMatchObject({ kind: 'applied', via: 'reload', generation: 2 });
      } finally {
        await fresh.cleanup();
      }
    }
  });

  test('drains without leaving a process', async () => {
    await haproxy.start();
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [server()] }));
    expect(await rig.pids()).toHaveLength(2);
    await haproxy.stop('drain');
    expect(await rig.pids()).toEqual([]);
    expect((await get(port)).error).toContain('ECONNREFUSED');
  });

  test('answers who is missing when the binary is not there', async () => {
    const config = rig.config({ ports: [port], servers: [server()] });
    const broken = createHaproxy({
      settings: { stateDir: rig.paths.root, haproxy: '/no/such/haproxy', haproxyMode: 'managed', keepGenerations: 3 },
      clock: realClock,
      emit: () => {},
    });
    expect(await broken.validate(config, 'test', never)).toMatchObject({
      ok: false,
      failure: { kind: 'binary', detail: expect.stringContaining('apt-get') },
    });
  });
});
