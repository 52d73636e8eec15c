import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { Haproxy } from '../../../src/core/ports.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import { createHaproxyRig, type HaproxyRig, portsFrom } from '../../support/haproxy-rig.ts';
import { get, requestSteadily, type SteadyRequests, until } from '../../support/http-get.ts';

const freePort = portsFrom(26_250);

describe('a socket that somebody deletes', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let port: number;
  let steady: SteadyRequests;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
    haproxy = rig.adapter();
    await haproxy.start();
    expect(await rig.apply(haproxy, config('one'))).toMatchObject({ kind: 'applied' });
    steady = requestSteadily({ port, perSecond: 50, keepAlive: false });
  });

  afterEach(async () => {
    await steady.stop();
    await rig.cleanup();
  });

  const config = (name: string) =>
    rig.config({ ports: [port], servers: [], name, frontend: ['http-request return status 200'] });
  const cures = () =>
    rig.events.filter(
      (event): event is Extract<DaemonEventBody, { type: 'haproxy-cured' }> => event.type === 'haproxy-cured',
    );
  const downs = () => rig.events.filter(({ type }) => type === 'haproxy-down');
  const answers = async (path: string, line: string) => (await ask(path, line, 1_000)).ok;

  async function applies(name: string): Promise<void> {
    expect(await rig.apply(haproxy, config(name))).toMatchObject({ kind: 'applied', via: 'reload' });
    await until('it serves', async () => (await get(port)).headers['x-config'] === name, 2_000);
  }

  test.each([
    ['the worker’s', ['runtimeSocket']],
    ['the master’s', ['masterSocket']],
    ['both', ['runtimeSocket', 'masterSocket']],
  ] as const)('is put back as it was: %s', async (_, names) => {
    await applies('two');
    const before = await haproxy.view();
    for (const name of names) await rm(rig.paths[name]);
    await until('all are back', () => cures().length === names.length, 2_000);
    expect(cures().map(({ cure }) => cure)).toEqual(names.map(() => 'socket-restored'));
    expect(await answers(rig.paths.runtimeSocket, 'show info')).toBe(true);
    expect(await answers(rig.paths.masterSocket, 'show proc')).toBe(true);
    expect(await haproxy.view()).toEqual(before);
    await applies('three');
    expect(downs()).toEqual([]);
    expect((await steady.stop()).failures).toEqual([]);
  });

  test('is done without when it cannot be put back: the master is told by a signal', async () => {
    const { masterPid } = await haproxy.view();
    await applies('two');
    for (const name of ['keptSockets', 'runtimeSocket', 'masterSocket'] as const)
      await rm(rig.paths[name], { recursive: true });
    await applies('three');
    expect(cures()).toMatchObject([{ cure: 'master-signalled', pid: masterPid }]);
    // Now its socket is there again, and the worker is asked through it.
    await applies('four');
    expect(cures()).toHaveLength(1);
    expect(await haproxy.view()).toMatchObject({ up: true, masterPid });
    expect(downs()).toEqual([]);
    expect((await steady.stop()).failures).toEqual([]);
  });

  test.each([
    ['put back', false],
    ['made anew', true],
  ])('does not keep the next Portolan from adopting what runs: it is %s', async (_, forGood) => {
    await applies('two');
    const before = await haproxy.view();
    await haproxy.stop('keep');
    if (forGood) await rm(rig.paths.keptSockets, { recursive: true });
    for (const name of ['runtimeSocket', 'masterSocket'] as const) await rm(rig.paths[name]);
    haproxy = rig.adapter();
    expect(await haproxy.start()).toMatchObject({ ok: true, value: { known: true, generation: 2 } });
    expect(await haproxy.view()).toMatchObject({ up: true, masterPid: before.masterPid });
    await applies('three');
    expect((await steady.stop()).failures).toEqual([]);
  });
});
