import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { Haproxy } from '../../../src/core/ports.ts';
import type { Timings } from '../../../src/haproxy/timings.ts';
import { createHaproxyRig, type HaproxyRig, portsFrom } from '../../support/haproxy-rig.ts';
import { get, requestSteadily, until } from '../../support/http-get.ts';

const freePort = portsFrom(26_200);

/** Stopped processes stay stopped: whoever wants to see a HAProxy that hangs cannot have it continued. */
const NEVER = 3_600_000;

describe('a HAProxy that runs and does not do its work', () => {
  let rig: HaproxyRig;
  let port: number;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
  });

  afterEach(async () => rig.cleanup());

  const config = (name: string, more: readonly string[] = []) =>
    rig.config({ ports: [port], servers: [], name, frontend: ['http-request return status 200', ...more] });
  const serves = async (name: string): Promise<boolean> => (await get(port)).headers['x-config'] === name;
  const ofType = <T extends DaemonEventBody['type']>(type: T) =>
    rig.events.filter((event): event is Extract<DaemonEventBody, { type: T }> => event.type === type);
  const cures = () => ofType('haproxy-cured').map(({ cure, pid }) => ({ cure, pid }));

  async function serving(timings: Partial<Timings> = {}, more: readonly string[] = []): Promise<Haproxy> {
    const haproxy = rig.adapter({ timings });
    await haproxy.start();
    expect(await rig.apply(haproxy, config('one', more))).toMatchObject({ kind: 'applied' });
    return haproxy;
  }

  test.each([
    ['worker', (master: number, worker: number) => [worker, master].slice(0, 1)],
    ['master', (master: number) => [master]],
    ['worker and master', (master: number, worker: number) => [worker, master]],
  ])('is continued when somebody stops its %s: requests wait, none fails', async (_, stopped) => {
    const haproxy = await serving();
    const before = await haproxy.view();
    const pids = stopped(before.masterPid ?? 0, before.workerPid ?? 0);
    const steady = requestSteadily({ port, perSecond: 100, keepAlive: false });
    for (let round = 1; round <= 3; round += 1) {
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      await until('all are continued', () => cures().length === round * pids.length, 2_000);
      await until('it serves', () => serves('one'), 2_000);
    }
    expect((await steady.stop()).failures).toEqual([]);
    expect(cures().slice(0, pids.length)).toEqual(
      expect.arrayContaining(pids.map((pid) => ({ cure: 'continued', pid }))),
    );
    expect(ofType('haproxy-down')).toEqual([]);
    expect(await haproxy.view()).toEqual(before);
  });

  test('is continued during a reload, which goes through', async () => {
    const haproxy = await serving();
    const { masterPid = 0 } = await haproxy.view();
    const steady = requestSteadily({ port, perSecond: 100, keepAlive: false });
    const candidate = await haproxy.validate(config('two'), 'test', new AbortController().signal);
    if (!candidate.ok) throw new Error('not valid');
    process.kill(masterPid, 'SIGSTOP');
    expect(await haproxy.apply(candidate.value)).toMatchObject({ kind: 'applied', via: 'reload' });
    expect(await serves('two')).toBe(true);
    expect((await steady.stop()).failures).toEqual([]);
    expect(cures()).toContainEqual({ cure: 'continued', pid: masterPid });
  });

  test('is continued and adopted by the next Portolan, not replaced', async () => {
    const haproxy = await serving();
    const before = await haproxy.view();
    await haproxy.stop('keep');
    const steady = requestSteadily({ port, perSecond: 50, keepAlive: false });
    process.kill(before.workerPid ?? 0, 'SIGSTOP');
    process.kill(before.masterPid ?? 0, 'SIGSTOP');
    const next = rig.adapter({ timings: { answer: 200 } });
    expect(await next.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    expect(await next.view()).toEqual(before);
    expect((await steady.stop()).failures).toEqual([]);
  });

  test('is ended and started again when sockets and listeners are silent for long, and serves', async () => {
    const haproxy = await serving({
      answer: 200,
      askEvery: 100,
      missesUntilHung: 2,
      stoppedEvery: NEVER,
      // Three looks and more, of which each takes nearly a second: it is told before it is ended.
      silentUntilKilled: 4_000,
    });
    const { masterPid, workerPid = 0 } = await haproxy.view();
    process.kill(workerPid, 'SIGSTOP');
    await until('it is ended', () => cures().length === 1, 15_000);
    await until('it serves', () => serves('one'), 10_000);
    expect(cures()).toEqual([{ cure: 'killed', pid: masterPid }]);
    await until('it is told', () => ofType('haproxy-up').length === 2, 5_000);
    // First that it does not answer, then that it was ended.
    expect(ofType('haproxy-down')).toHaveLength(2);
    expect(await rig.pids()).toHaveLength(2);
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'applied', via: 'reload' });
  });

  test('is left alone while it takes connections, though its socket is silent, and is not called down', async () => {
    const haproxy = await serving({ answer: 100, askEvery: 50, missesUntilHung: 2, silentUntilKilled: 500 });
    const { workerPid } = await haproxy.view();
    const steady = requestSteadily({ port, perSecond: 50, keepAlive: false });
    const occupants = await occupy(rig.paths.runtimeSocket);
    await until('it is told', () => ofType('runtime-doubt').length === 1, 5_000);
    const [told] = ofType('runtime-doubt');
    expect(told?.detail).toContain('requests are served');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(cures()).toEqual([]);
    expect(ofType('haproxy-down')).toEqual([]);
    expect((await steady.stop()).failures).toEqual([]);
    for (const each of occupants) each.destroy();
    await until('it answers', async () => (await haproxy.view()).workerPid === workerPid, 5_000);
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'applied', via: 'reload' });
  });

  test('is left alone while its socket answers, though it takes no connection', async () => {
    const haproxy = await serving({ answer: 100, askEvery: 50, missesUntilHung: 2, silentUntilKilled: 500 }, [
      'maxconn 1',
    ]);
    const { workerPid, masterPid } = await haproxy.view();
    const occupants = [0, 1, 2, 3].map(() => connect({ host: '127.0.0.1', port }));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(cures()).toEqual([]);
    expect(ofType('haproxy-down')).toEqual([]);
    expect(await haproxy.view()).toMatchObject({ up: true, workerPid, masterPid });
    for (const each of occupants) each.destroy();
  });

  test('is told of and left to whoever runs it, in external mode', async () => {
    const managed = await serving();
    const { workerPid = 0 } = await managed.view();
    await managed.stop('keep');
    const external = rig.adapter({
      mode: 'external',
      timings: { answer: 200, askEvery: 100, missesUntilHung: 2, silentUntilKilled: 500 },
    });
    expect(await external.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    process.kill(workerPid, 'SIGSTOP');
    await until('it is told', () => ofType('haproxy-down').length === 1, 5_000);
    expect(ofType('haproxy-down')[0]?.reason).toContain('whoever runs it');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(cures()).toEqual([]);
    process.kill(workerPid, 'SIGCONT');
    await until('its return is told', () => ofType('haproxy-up').length === 3, 5_000);
    expect(await external.view()).toMatchObject({ up: true, workerPid });
  });
});

/** Takes all connections that a command socket allows, and its queue, so that it answers nobody else. */
async function occupy(path: string): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect({ path });
    full = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false));
      socket.on('error', () => resolve(true));
    });
    sockets.push(socket);
  }
  return sockets;
}
