import { spawn } from 'node:child_process';
import { readlink, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import { findByMasterSocket, signalAll } from '../../../src/haproxy/processes.ts';
import { createHaproxyRig, HAPROXY, type HaproxyRig, portsFrom } from '../../support/haproxy-rig.ts';
import { get, requestSteadily, until } from '../../support/http-get.ts';

const freePort = portsFrom(22_200);

describe('supervision', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let port: number;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
    haproxy = rig.adapter();
  });

  afterEach(async () => rig.cleanup());

  const config = (name: string) =>
    rig.config({ ports: [port], servers: [], name, frontend: ['http-request return status 200'] });
  const serves = async (name: string): Promise<boolean> => {
    const answer = await get(port);
    return answer.status === 200 && answer.headers['x-config'] === name;
  };
  const ofType = (type: string) => rig.events.filter((event) => event.type === type);

  test('brings traffic back within 2 s of the death of the worker', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    await rig.apply(haproxy, config('two'));
    for (let round = 1; round <= 3; round += 1) {
      const { workerPid = 0 } = await haproxy.view();
      process.kill(workerPid, 'SIGKILL');
      await until('the worker is gone', async () => !(await serves('two')), 1_000);
      await until('traffic is back', () => serves('two'), 2_000);
      await until('it is told', () => ofType('haproxy-up').length === 1 + round, 2_000);
      expect(ofType('haproxy-down')).toHaveLength(round);
      expect(ofType('haproxy-up').at(-1)).toMatchObject({ how: 'restarted', config: config('two') });
      expect(await rig.pids()).toHaveLength(2);
    }
    expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', via: 'reload', generation: 3 });
  });

  test('brings traffic back within 5 s of the death of the master, from the last good generation', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    const { masterPid = 0 } = await haproxy.view();
    process.kill(masterPid, 'SIGKILL');
    await until('it is told', () => ofType('haproxy-down').length === 1, 2_000);
    await until('traffic is back', () => serves('one'), 5_000);
    await until('it is told', () => ofType('haproxy-up').length === 2, 2_000);
    const view = await haproxy.view();
    expect(view.masterPid).not.toBe(masterPid);
    expect(view).toMatchObject({ up: true, generation: 1 });
    expect([...(await rig.pids())].sort()).toEqual([view.masterPid, view.workerPid].sort());
  });

  test('does not let a worker that outlives its master keep the port', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    const { masterPid = 0, workerPid = 0 } = await haproxy.view();
    // Stopped, it cannot notice that its master is gone, and it holds the port.
    process.kill(workerPid, 'SIGSTOP');
    process.kill(masterPid, 'SIGKILL');
    await until('traffic is back', () => serves('one'), 5_000);
    expect(await rig.pids()).not.toContain(workerPid);
  });

  test('adopts a running HAProxy: same processes, no reload, no request lost', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    await rig.apply(haproxy, config('two'));
    const before = await haproxy.view();
    const steady = requestSteadily({ port, perSecond: 100, keepAlive: false });
    await haproxy.stop('keep');
    await until('requests are answered without Portolan', () => serves('two'), 1_000);

    const next = rig.adapter();
    const started = await next.start();

    expect(started).toEqual({ ok: true, value: { known: true, generation: 2, config: config('two') } });
    expect(await next.view()).toEqual(before);
    expect(ofType('haproxy-up').at(-1)).toMatchObject({ how: 'adopted', config: config('two') });
    expect((await steady.stop()).failures).toEqual([]);
    // It is watched like one that was started here.
    process.kill(before.workerPid ?? 0, 'SIGKILL');
    await until(
      'traffic is back',
      async () => (await next.view()).workerPid !== before.workerPid && serves('two'),
      2_000,
    );
  });

  test('starts from disk when nothing runs, with nothing but the last good generation to go by', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    await haproxy.stop('drain');
    const next = rig.adapter();
    expect(await next.start()).toEqual({ ok: true, value: { known: true, generation: 1, config: config('one') } });
    expect(await serves('one')).toBe(true);
  });

  test('takes neither a stale socket nor a stranger for a master', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    await haproxy.stop('keep');
    await signalAll(await findByMasterSocket(rig.paths.masterSocket), 'SIGKILL');
    await until('all are gone', async () => (await rig.pids()).length === 0, 2_000);
    await rm(rig.paths.masterSocket, { force: true });
    const stranger = createServer((socket) => socket.resume().end('220 mail.example ESMTP\n'));
    await new Promise<void>((resolve) => stranger.listen(rig.paths.masterSocket, resolve));

    const next = rig.adapter();
    expect(await next.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    expect(await serves('one')).toBe(true);
    expect(await next.view()).toMatchObject({ up: true, reloads: 0 });
    await new Promise((resolve) => stranger.close(resolve));
  });

  test('keeps trying to start while the port is taken, and tells so', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    await haproxy.stop('drain');
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    const next = rig.adapter();
    const started = await next.start();
    expect(started).toMatchObject({
      ok: false,
      failure: { kind: 'start-failed', detail: expect.stringContaining(String(port)) },
    });
    await new Promise((resolve) => squatter.close(resolve));
    await until('it serves by itself', () => serves('one'), 10_000);
    await until('it is told', () => ofType('haproxy-up').length === 2, 2_000);
  });

  test('starts with an older generation when the newest does not start', async () => {
    const extra = await freePort();
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    const two = rig.config({ ports: [extra], servers: [], frontend: ['http-request return status 200'] });
    expect(await rig.apply(haproxy, two)).toMatchObject({ kind: 'applied', generation: 2 });
    await haproxy.stop('drain');
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(extra, '127.0.0.1', resolve));
    const next = rig.adapter();
    expect(await next.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    expect(await serves('one')).toBe(true);
    expect(await readlink(rig.paths.current)).toBe('generations/1');
    await new Promise((resolve) => squatter.close(resolve));
  });

  test('tells a first configuration that does not start, and starts the next one', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    await haproxy.start();
    expect(await rig.apply(haproxy, config('one'))).toEqual({
      kind: 'rejected',
      failure: { kind: 'start-failed', detail: expect.stringContaining(String(port)) },
    });
    expect(await rig.pids()).toEqual([]);
    await new Promise((resolve) => squatter.close(resolve));
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'applied', via: 'start', generation: 2 });
  });

  test('reports a worker that hangs, and its return', async () => {
    haproxy = rig.adapter({ timings: { answer: 200, askEvery: 100, missesUntilHung: 2, stoppedEvery: 3_600_000 } });
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    const { workerPid = 0 } = await haproxy.view();
    process.kill(workerPid, 'SIGSTOP');
    await until('it is told', () => ofType('haproxy-down').length === 1, 5_000);
    expect(await haproxy.observe()).toMatchObject({ known: false });
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'rejected', failure: { kind: 'socket' } });
    process.kill(workerPid, 'SIGCONT');
    await until('it is told', () => ofType('haproxy-up').length === 2, 5_000);
    expect(await haproxy.view()).toMatchObject({ up: true, workerPid, generation: 1 });
    expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', via: 'reload' });
  });

  test('notices a reload that somebody else has ordered', async () => {
    haproxy = rig.adapter({ timings: { askEvery: 100 } });
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    const { workerPid } = await haproxy.view();
    const seen = () =>
      ofType('haproxy-seen').map((event) => (event.type === 'haproxy-seen' ? event.haproxy : undefined));
    let orderedAt = 0;
    await until(
      'the new worker is seen',
      async () => {
        // Over the socket: a busy machine was seen where SIGUSR2 ended a master of 2.6 that had just started.
        if ((await haproxy.view()).reloads === 0 && Date.now() - orderedAt > 1_000) {
          await ask(rig.paths.masterSocket, 'reload', 1_000);
          orderedAt = Date.now();
        }
        return seen().some((view) => view?.workerPid !== workerPid);
      },
      10_000,
    );
    await until('it is seen as it is', async () => isDeepStrictEqual(seen().at(-1), await haproxy.view()), 5_000);
    expect(ofType('haproxy-down')).toEqual([]);
  });

  test('drives a HAProxy that somebody else starts, and leaves its end to them', async () => {
    const external = rig.adapter({ mode: 'external', timings: { appear: 10_000, askEvery: 100 } });
    expect(await external.start()).toEqual({ ok: true, value: undefined });
    const { validate } = external;
    const candidate = await validate(config('one'), 'test', new AbortController().signal);
    if (!candidate.ok) throw new Error('not valid');
    const applied = external.apply(candidate.value);
    await until('it is published', async () => (await get(port)).status === 0 && (await linked()), 2_000);
    const { masterSocket, current } = rig.paths;
    const other = spawn(HAPROXY, ['-W', '-S', `${masterSocket},mode,600`, '-C', current, '-f', 'haproxy.cfg'], {
      stdio: 'ignore',
    });
    expect(await applied).toMatchObject({ kind: 'applied', via: 'start', generation: 1 });
    expect(await rig.apply(external, config('two'))).toMatchObject({ kind: 'applied', via: 'reload', generation: 2 });
    expect(await serves('two')).toBe(true);
    expect(await external.view()).toMatchObject({ mode: 'external', masterPid: other.pid });

    other.kill('SIGTERM');
    await until('it is told', () => ofType('haproxy-down').length === 1, 5_000);
    expect(await rig.pids()).toEqual([]);

    const again = spawn(HAPROXY, ['-W', '-S', `${masterSocket},mode,600`, '-C', current, '-f', 'haproxy.cfg'], {
      stdio: 'ignore',
    });
    await until('it is seen', () => ofType('haproxy-up').length === 2, 5_000);
    await external.stop('drain');
    expect(await serves('two')).toBe(true);
    again.kill('SIGKILL');
  });

  async function linked(): Promise<boolean> {
    return readlink(rig.paths.current).then(
      (target) => target.endsWith('/1'),
      () => false,
    );
  }
});
