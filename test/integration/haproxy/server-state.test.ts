import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import {
  createHaproxyRig,
  type HaproxyRig,
  type NamedServer,
  portsFrom,
  startNamedServer,
} from '../../support/haproxy-rig.ts';
import { get, until } from '../../support/http-get.ts';

const freePort = portsFrom(22_600);

describe('what a reload remembers of the servers', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let one: NamedServer;
  let two: NamedServer;
  let port: number;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    [one, two] = [await startNamedServer('one', await freePort()), await startNamedServer('two', await freePort())];
    port = await freePort();
    haproxy = rig.adapter();
    await haproxy.start();
  });

  afterEach(async () => {
    await rig.cleanup();
    await one.close();
    await two.close();
  });

  /** State of each server, by name. */
  async function states(): Promise<Record<string, string>> {
    const servers = await haproxy.servers();
    if (!servers.ok) throw new Error(servers.failure.detail);
    return Object.fromEntries(servers.value.map(({ server, state }) => [server, state]));
  }

  async function bodies(count: number): Promise<readonly string[]> {
    const answers: string[] = [];
    for (let n = 0; n < count; n += 1) answers.push((await get(port)).body);
    return [...new Set(answers)].sort();
  }

  test('a server that is down stays down: no request goes to it', async () => {
    const dead = await freePort();
    const config = (name: string) =>
      rig.config({
        ports: [port],
        // A check every 60 s after the first ones: nothing but the state file can know that it is down.
        servers: [`alive 127.0.0.1:${one.port} check`, `dead 127.0.0.1:${dead} check inter 60s fastinter 50ms fall 2`],
        name,
      });
    await rig.apply(haproxy, config('one'));
    await until('the dead one is down', async () => (await states())['dead'] === 'down', 10_000);
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'applied', via: 'reload' });
    expect(await states()).toEqual({ alive: 'up', dead: 'down' });
    for (let n = 0; n < 20; n += 1) expect(await get(port)).toMatchObject({ status: 200, body: 'one' });
    expect(await states()).toEqual({ alive: 'up', dead: 'down' });
  });

  test('a server of the same name with another port is used on its new port only', async () => {
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [`same 127.0.0.1:${one.port} check inter 200ms`] }));
    expect(await bodies(4)).toEqual(['one']);
    const seen = one.answered();
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [`same 127.0.0.1:${two.port} check inter 200ms`] }));
    expect(await bodies(20)).toEqual(['two']);
    expect(one.answered()).toBe(seen);
    expect(await haproxy.servers('servers')).toMatchObject({ ok: true, value: [{ port: two.port }] });
  });

  test('a check port that changed is the one checked', async () => {
    const dead = await freePort();
    const servers = (check: number) => [`s 127.0.0.1:${one.port} check inter 100ms fall 1 rise 1 port ${check}`];
    await rig.apply(haproxy, rig.config({ ports: [port], servers: servers(dead) }));
    await until('it is down', async () => (await states())['s'] === 'down', 5_000);
    await rig.apply(haproxy, rig.config({ ports: [port], servers: servers(two.port) }));
    await until('it is up', async () => (await states())['s'] === 'up', 5_000);
  });

  test('maintenance by hand and by configuration: the new configuration decides', async () => {
    const plain = `a 127.0.0.1:${one.port}`;
    const other = `b 127.0.0.1:${two.port}`;
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [plain, other], name: 'one' }));
    await ask(rig.paths.runtimeSocket, 'set server servers/a state maint', 2_000);
    expect(await states()).toEqual({ a: 'maint', b: 'up' });
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [plain, `${other} disabled`], name: 'two' }));
    expect(await states()).toEqual({ a: 'up', b: 'maint' });
    expect(await bodies(4)).toEqual(['one']);
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [plain, other], name: 'three' }));
    expect(await states()).toEqual({ a: 'up', b: 'up' });
    expect(await bodies(8)).toEqual(['one', 'two']);
  });

  test('a check that was taken away leaves no server down for ever', async () => {
    await rig.apply(
      haproxy,
      rig.config({ ports: [port], servers: [`s 127.0.0.1:${one.port} check inter 100ms fall 1 port 1`] }),
    );
    await until('it is down', async () => (await states())['s'] === 'down', 5_000);
    await rig.apply(haproxy, rig.config({ ports: [port], servers: [`s 127.0.0.1:${one.port}`] }));
    expect(await states()).toEqual({ s: 'up' });
    expect(await bodies(2)).toEqual(['one']);
  });
});
