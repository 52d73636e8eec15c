import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { Haproxy } from '../../../src/core/ports.ts';
import type { HaproxyRuntime, LeftPlace, ObservedServer, RuntimeCommand } from '../../../src/core/runtime.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import { createRuntime } from '../../../src/haproxy/runtime.ts';
import { probeWorker } from '../../../src/haproxy/worker-probe.ts';
import {
  createHaproxyRig,
  generationOf,
  type HaproxyRig,
  type NamedServer,
  portsFrom,
  realClock,
  startNamedServer,
} from '../../support/haproxy-rig.ts';
import { get, until } from '../../support/http-get.ts';
import { addServer, backendName, generation, removeServer, setAdmission } from '../../support/runtime-commands.ts';
import { startPatientServer, upgrade, withSections } from '../../support/runtime-rig.ts';
import { type Prober, startProber } from '../../support/steady-prober.ts';

const freePort = portsFrom(22_500);
const MAP = 'maps/hosts.map' as const;
const addRow = (key: string, value: string): RuntimeCommand => ({ do: 'add-row', map: MAP, key, value });
const setRow = (key: string, value: string): RuntimeCommand => ({ do: 'set-row', map: MAP, key, value });
const deleteRow = (key: string): RuntimeCommand => ({ do: 'delete-row', map: MAP, key });
const replaceMap = (rows: ReadonlyMap<string, string>): RuntimeCommand => ({ do: 'replace-map', map: MAP, rows });

const PROFILE = 'P_http';
/** A profile, and backends as Portolan's profiles make them; `sticky` with a cookie, all without servers. */
const BACKENDS = [
  'backend web',
  '  balance roundrobin',
  'backend api',
  '  balance leastconn',
  'backend sticky',
  '  balance roundrobin',
  '  cookie srv insert indirect nocache',
  'backend computed',
  '  balance roundrobin',
  '  cookie srv insert indirect nocache dynamic',
  '  dynamic-cookie-key portolan',
  // Last, as it would be the one that those above come from.
  `defaults ${PROFILE}`,
  '  mode http',
  '  balance roundrobin',
  '  timeout connect 1s',
  '  timeout client 10s',
  '  timeout server 10s',
];

describe('the runtime lane', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let runtime: HaproxyRuntime;
  let serving: Generation;
  let port: number;
  /** 2.6 to 2.9: servers stay as tombstones. */
  let neverDeletes: boolean;
  const servers: NamedServer[] = [];
  const probers: Prober[] = [];

  const config = (name: string): RenderedConfig =>
    withSections(rig.config({ ports: [port], servers: ['none 127.0.0.1:1 disabled'], name }), ...BACKENDS);

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
    haproxy = rig.adapter();
    await haproxy.start();
    serving = generationOf(await rig.apply(haproxy, config('first')));
    runtime = createRuntime({ socket: rig.paths.runtimeSocket, clock: realClock });
    neverDeletes = (await runtime.tier()) === 'C';
    const result = await runtime.run(serving, [addRow('web.example', 'web'), addRow('sticky.example', 'sticky')]);
    expect(result).toMatchObject({ kind: 'done' });
  });

  afterEach(async () => {
    runtime.close();
    for (const prober of probers.splice(0)) await prober.stop();
    await rig.cleanup();
    for (const server of servers.splice(0)) await server.close();
  });

  async function named(name: string): Promise<NamedServer> {
    const server = await startNamedServer(name, await freePort());
    servers.push(server);
    return server;
  }

  /** Asks on new and on kept connections, and wants an answer of one of the bodies to every request. */
  function load(host: string, bodies: readonly string[], perSecond = 150): readonly Prober[] {
    const good = (status: number, body: string): boolean => status === 200 && bodies.includes(body);
    const started = (['new', 'keep-alive'] as const).map((connections) =>
      startProber({ port, host, perSecond, connections, good }),
    );
    probers.push(...started);
    return started;
  }

  async function faultless(started: readonly Prober[]): Promise<number> {
    let answered = 0;
    for (const prober of started) {
      const { ok, failures } = await prober.stop();
      expect(failures).toEqual([]);
      answered += ok;
    }
    return answered;
  }

  async function serversOf(backend: string): Promise<readonly ObservedServer[]> {
    const seen = await runtime.read(serving, { backends: [backend], maps: [] });
    return seen?.backends.get(backend) ?? [];
  }

  function swept(left: readonly LeftPlace[]): Promise<void> {
    return until('they are deleted', async () => (await runtime.sweep(serving, left)).length === 0, 10_000);
  }

  async function rows(): Promise<ReadonlyMap<string, string> | undefined> {
    return (await runtime.read(serving, { backends: [], maps: [MAP] }))?.maps.get(MAP);
  }

  test('adds servers and takes them out under load: no request fails', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const ports = new Map<string, number>();
    for (const name of names) ports.set(name, (await named(name)).port);
    const add = (name: string): RuntimeCommand =>
      addServer('web', { name, port: ports.get(name) ?? 0, check: { tls: false, interMs: 200, fall: 3 } });
    expect(await runtime.run(serving, [add('a'), add('b')])).toMatchObject({ kind: 'done' });
    await until('it answers', async () => (await get(port, { host: 'web.example' })).status === 200, 5_000);
    const asking = load('web.example', names);
    let left: readonly LeftPlace[] = [];
    for (let round = 0; round < 60; round += 1) {
      const [comes, goes] = [names[(round + 2) % 4] ?? '', names[round % 4] ?? ''];
      const batch =
        round % 3 === 0
          ? [add(comes), setAdmission('web', goes, 'maint'), removeServer('web', goes)]
          : [add(comes), removeServer('web', goes)];
      const result = await runtime.run(serving, batch);
      expect(result).toMatchObject({ kind: 'done' });
      if (result.kind === 'done') left = await runtime.sweep(serving, [...left, ...result.left]);
      await asking[round % 2]?.rounds(4);
    }
    await swept(left);
    const seen = await serversOf('web');
    expect(new Set(seen.filter(({ up }) => up).map(({ name }) => name))).toEqual(new Set(['a', 'b']));
    expect(seen).toHaveLength(neverDeletes ? 4 : 2);
    expect(await faultless(asking)).toBeGreaterThan(240);
  });

  test('has a dead server taken out by its check, and no request fails', async () => {
    const alive = await named('alive');
    const check = { tls: false, interMs: 100, fall: 2 };
    await runtime.run(serving, [addServer('web', { name: 'alive', port: alive.port, check })]);
    await until('it answers', async () => (await get(port, { host: 'web.example' })).status === 200, 5_000);
    const asking = load('web.example', ['alive']);
    const dead = addServer('web', { name: 'dead', port: await freePort(), check });
    expect(await runtime.run(serving, [dead])).toMatchObject({ kind: 'done' });
    await until(
      'the dead one is down',
      async () => (await serversOf('web')).some(({ name, up }) => name === 'dead' && !up),
      10_000,
    );
    await asking[0]?.rounds(50);
    expect((await serversOf('web')).map(({ name, admission }) => [name, admission])).toEqual(
      expect.arrayContaining([
        ['alive', 'ready'],
        ['dead', 'ready'],
      ]),
    );
    await faultless(asking);
  });

  test('lets a server in again that was taken out, on the address it has now', async () => {
    const [before, after] = [await named('before'), await named('after')];
    const at = (where: NamedServer): RuntimeCommand => addServer('web', { name: 's', port: where.port, id: 77 });
    await runtime.run(serving, [at(before)]);
    expect(await get(port, { host: 'web.example' })).toMatchObject({ body: 'before' });
    const removed = await runtime.run(serving, [removeServer('web', 's')]);
    expect(removed).toMatchObject({ kind: 'done' });
    // 3.4 needs a moment more, for the connection that it kept to it.
    if (removed.kind === 'done') await swept(removed.left);
    expect(await get(port, { host: 'web.example' })).toMatchObject({ status: 503 });
    expect(await serversOf('web')).toMatchObject(neverDeletes ? [{ name: 's', admission: 'maint', up: false }] : []);
    expect(await runtime.run(serving, [at(after)])).toMatchObject({ kind: 'done' });
    expect(await get(port, { host: 'web.example' })).toMatchObject({ body: 'after' });
    expect(await serversOf('web')).toEqual([
      { name: 's', id: 77, address: '127.0.0.1', port: after.port, admission: 'ready', up: true },
    ]);
  });

  test('lets a server in that it was not told of, and one in maintenance not yet', async () => {
    const one = await named('one');
    const command = addServer('web', { name: 's', port: one.port, admission: 'maint' });
    if (command.do !== 'add-server') throw new Error('not an addition');
    await runtime.run(serving, [command]);
    expect(await serversOf('web')).toMatchObject([{ admission: 'maint', up: false }]);
    const revive: RuntimeCommand = {
      ...command,
      do: 'revive-server',
      server: { ...command.server, admission: 'ready' },
    };
    expect(await runtime.run(serving, [revive])).toMatchObject({ kind: 'done' });
    expect(await get(port, { host: 'web.example' })).toMatchObject({ body: 'one' });
    // It is there and in use: what is added is what there is.
    expect(
      await runtime.run(serving, [{ ...command, server: { ...command.server, admission: 'ready' } }]),
    ).toMatchObject({ kind: 'done' });
    expect(await serversOf('web')).toMatchObject([{ admission: 'ready', up: true }]);
  });

  test('leaves requests and websockets alone, and deletes their server when they are over', async () => {
    const patient = await startPatientServer();
    try {
      await runtime.run(serving, [addServer('web', { name: 's', port: patient.port })]);
      const slow = get(port, { host: 'web.example', path: '/wait' });
      const socket = await upgrade(port, 'web.example');
      await until('both are under way', () => patient.busy() === 2, 5_000);
      const result = await runtime.run(serving, [removeServer('web', 's')]);
      const left = neverDeletes ? [] : [{ backend: 'web', server: 's' }];
      expect(result).toMatchObject({ kind: 'done', left });
      expect(await runtime.sweep(serving, left)).toEqual(left);
      expect(await socket.echo('still there')).toBe('still there');
      expect((await get(port, { host: 'web.example' })).status).toBe(503);
      patient.release();
      expect(await slow).toMatchObject({ status: 200, body: 'patience' });
      socket.close();
      await swept(left);
      expect(await serversOf('web')).toHaveLength(neverDeletes ? 1 : 0);
    } finally {
      await patient.close();
    }
  });

  test('says cookies, check ports, TLS checks and IPv6 addresses in words that HAProxy takes', async () => {
    const one = await named('one');
    const result = await runtime.run(serving, [
      addServer('sticky', { name: 's', port: one.port, cookie: 'a1b2c3d4e5' }),
      addServer('api', { name: 'six', address: '::1', port: 8_080, id: 9 }),
      addServer('api', { name: 'seven', port: 8_081, check: { tls: true, interMs: 60_000, fall: 4, port: 1 } }),
    ]);
    expect(result).toMatchObject({ kind: 'done' });
    const answer = await get(port, { host: 'sticky.example' });
    expect(answer).toMatchObject({ status: 200, body: 'one' });
    // 2.6 takes no cookie for a server that is added at run time: clients are told to forget theirs.
    expect(answer.headers['set-cookie']).toEqual([expect.stringMatching(neverDeletes ? /^srv=;/ : /^srv=a1b2c3d4e5;/)]);
    expect(await serversOf('api')).toMatchObject([
      { name: 'six', id: 9, address: '::1', port: 8_080, up: true },
      { name: 'seven', address: '127.0.0.1', port: 8_081 },
    ]);
  });

  test('reads all backends, also those without servers, and none that does not exist', async () => {
    const all = await runtime.read(serving, { backends: 'all', maps: [MAP, 'maps/hsts.map'] });
    expect([...(all?.backends.keys() ?? [])].sort()).toEqual(['api', 'computed', 'servers', 'sticky', 'web']);
    expect(all?.backends.get('web')).toEqual([]);
    expect(all?.backends.get('servers')).toMatchObject([{ name: 'none', admission: 'maint', up: false }]);
    expect([...(all?.maps.keys() ?? [])]).toEqual([MAP]);
    const some = await runtime.read(serving, { backends: ['web', 'gone'], maps: [] });
    expect([...(some?.backends.keys() ?? [])]).toEqual(['web']);
  });

  test('edits rows, and requests follow at once', async () => {
    const [one, two] = [await named('one'), await named('two')];
    await runtime.run(serving, [
      addServer('web', { name: 's', port: one.port }),
      addServer('api', { name: 's', port: two.port }),
      addRow('new.example', 'web'),
    ]);
    expect(await get(port, { host: 'new.example' })).toMatchObject({ body: 'one' });
    expect(await runtime.run(serving, [setRow('new.example', 'api')])).toMatchObject({ kind: 'done' });
    expect(await get(port, { host: 'new.example' })).toMatchObject({ body: 'two' });
    expect(await runtime.run(serving, [deleteRow('new.example'), deleteRow('new.example')])).toMatchObject({
      kind: 'done',
    });
    expect(await get(port, { host: 'new.example' })).toMatchObject({ status: 503 });
    expect(await runtime.run(serving, [setRow('new.example', 'api')])).toMatchObject({ kind: 'refused' });
  });

  test('replaces 10,000 rows at once under load: no request goes astray', async () => {
    const [one, two] = [await named('one'), await named('two')];
    await runtime.run(serving, [
      addServer('web', { name: 's', port: one.port }),
      addServer('api', { name: 's', port: two.port }),
      addRow('api.example', 'api'),
    ]);
    const asking = [...load('web.example', ['one']), ...load('api.example', ['two'])];
    const rowsOf = (round: number): ReadonlyMap<string, string> =>
      new Map([
        ...Array.from({ length: 9_998 }, (_, n): [string, string] => [`host-${n}.of-${round}.example.com`, 'web']),
        ['web.example', 'web'],
        ['api.example', 'api'],
      ]);
    for (let round = 0; round < 8; round += 1) {
      expect(await runtime.run(serving, [replaceMap(rowsOf(round))])).toMatchObject({ kind: 'done' });
      await asking[round % 4]?.rounds(5);
    }
    expect(await rows()).toEqual(rowsOf(7));
    await faultless(asking);
    const listing = await ask(rig.paths.runtimeSocket, 'show map', 2_000);
    // The version in use is the only one, and nothing of those before is kept.
    expect(listing.ok && listing.value).toMatch(/curr_ver=(\d+) next_ver=\1 entry_cnt=10000\b/);
    expect(await runtime.run(serving, [replaceMap(new Map())])).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(new Map());
  });

  test('fills payloads to the last byte, also with long rows and letters of several bytes', async () => {
    for (const length of [10, 1_000, 4_500]) {
      const many = new Map(
        Array.from({ length: 60 }, (_, n): [string, string] => [`host-${n}.${'é'.repeat(length / 2)}`, 'web']),
      );
      expect(await runtime.run(serving, [replaceMap(many)])).toMatchObject({ kind: 'done' });
      expect(await rows()).toEqual(many);
    }
  });

  test('carries every text a row can have, and refuses what cannot be said', async () => {
    const keys = ['a/;x', 'b/\\y', 'c/\\;z', 'd<<', '<<EOF', 'e"f\'g', '$(h)`i`', '@1', '%3B%0a', 'j#k', '-', 'é/ö'];
    const hostile = new Map(keys.map((key) => [key, 'web']));
    expect(await runtime.run(serving, [replaceMap(hostile)])).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(hostile);
    expect(await runtime.run(serving, keys.map(deleteRow))).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(new Map());
    expect(
      await runtime.run(
        serving,
        keys.map((key) => addRow(key, key)),
      ),
    ).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(new Map(keys.map((key) => [key, key])));
    expect(
      await runtime.run(
        serving,
        keys.map((key) => setRow(key, 'web')),
      ),
    ).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(hostile);
    for (const key of ['x\nclear map maps/hosts.map', 'x\u0000', 'x y', '#0x1', ''])
      expect(await runtime.run(serving, [addRow(key, 'web')])).toMatchObject({ kind: 'refused' });
    expect(await rows()).toEqual(hostile);
  });

  test('drops what was planned for a worker that was replaced', async () => {
    const before = serving;
    serving = generationOf(await rig.apply(haproxy, config('second')));
    expect(await runtime.run(before, [addRow('late.example', 'web')])).toMatchObject({
      kind: 'doubt',
      detail: expect.stringContaining('another generation'),
    });
    expect(await runtime.read(before, { backends: 'all', maps: [] })).toBeUndefined();
    expect(await runtime.run(serving, [addRow('new.example', 'web')])).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual(
      new Map([
        ['named.example', 'servers'],
        ['new.example', 'web'],
      ]),
    );
  });

  test('leaves a worker that somebody else replaced by one of the same generation', async () => {
    const before = await probeWorker(rig.paths.runtimeSocket, 2_000);
    await ask(rig.paths.masterSocket, 'reload', 10_000);
    await until(
      'another worker serves',
      async () => {
        const now = await probeWorker(rig.paths.runtimeSocket, 2_000);
        return now.ok && before.ok && now.value.pid !== before.value.pid && !now.value.stopping;
      },
      10_000,
    );
    // What the other one was told is lost.
    const told = await runtime.run(serving, [addRow('new.example', 'web')]);
    expect(told).toMatchObject({ kind: 'doubt', detail: expect.stringContaining('in place of another one') });
    expect(await runtime.read(serving, { backends: 'all', maps: [] })).toBeDefined();
    expect(await runtime.run(serving, [addRow('new.example', 'web')])).toMatchObject({ kind: 'done' });
    const shown = await ask(rig.paths.runtimeSocket, `show map ${MAP}`, 2_000);
    expect(shown.ok && shown.value).toContain('new.example web');
  });

  test('is in doubt without its socket', async () => {
    await rm(rig.paths.runtimeSocket);
    expect(await runtime.run(serving, [addRow('new.example', 'web')])).toMatchObject({ kind: 'doubt' });
    expect(await runtime.read(serving, { backends: 'all', maps: [] })).toBeUndefined();
    expect(await runtime.tier()).toBe('D');
  });

  test('gives a sticky server a cookie that leads back to it, also where only HAProxy can compute it', async () => {
    const backend = neverDeletes ? 'computed' : 'sticky';
    const [one, two] = [await named('one'), await named('two')];
    const cookieOf = async (): Promise<{ readonly body: string; readonly cookie: string }> => {
      const { body, headers } = await get(port, { host: 'c.example' });
      return { body, cookie: String(headers['set-cookie']).replace(/;.*/, '') };
    };
    await runtime.run(serving, [
      addServer(backend, { name: 'one', port: one.port, cookie: 'cookie-one' }),
      addRow('c.example', backend),
    ]);
    const first = await cookieOf();
    expect(first.body).toBe('one');
    await runtime.run(serving, [addServer(backend, { name: 'two', port: two.port, cookie: 'cookie-two' })]);
    const seen = [await cookieOf(), await cookieOf()].sort((a, b) => (a.body < b.body ? -1 : 1));
    expect(seen.map(({ body }) => body)).toEqual(['one', 'two']);
    expect(seen[0]).toEqual(first);
    expect(seen[1]?.cookie).toMatch(/^srv=[\w-]{8,}$/);
    expect(seen[1]?.cookie).not.toBe(first.cookie);
    for (const { body, cookie } of [...seen, ...seen]) {
      expect(await get(port, { host: 'c.example', headers: { cookie } })).toMatchObject({ status: 200, body });
    }
  });

  test('makes a backend where HAProxy can, which answers once it is published, and deletes it when nobody uses it', async () => {
    const patient = await startPatientServer();
    const name = backendName('made_10000');
    const [add, publish, unpublish, remove]: readonly RuntimeCommand[] = [
      { do: 'add-backend', backend: name, profile: PROFILE },
      { do: 'publish-backend', backend: name },
      { do: 'unpublish-backend', backend: name },
      { do: 'delete-backend', backend: name },
    ];
    if (add === undefined || publish === undefined || unpublish === undefined || remove === undefined) return;
    const comes = [add, addServer('made_10000', { name: 's', port: patient.port }), publish, addRow('m.example', name)];
    const goes = [deleteRow('m.example'), unpublish, removeServer('made_10000', 's'), remove];
    const question = { backends: 'all', maps: [], dynamic: true } as const;
    try {
      const came = await runtime.run(serving, comes);
      if ((await runtime.tier()) !== 'A') {
        expect(came.kind).not.toBe('done');
        expect((await runtime.read(serving, question))?.dynamic).toBeUndefined();
        return;
      }
      expect(came).toMatchObject({ kind: 'done', left: [] });
      expect(await get(port, { host: 'm.example' })).toMatchObject({ status: 200, body: 'at once' });
      const socket = await upgrade(port, 'm.example');
      const seen = await runtime.read(serving, question);
      expect([...(seen?.dynamic?.made ?? [])]).toEqual([['made_10000', PROFILE]]);
      expect(seen?.dynamic?.unpublished).toEqual(new Set());
      // The connection goes on, and the backend waits for its end.
      const went = await runtime.run(serving, goes);
      const left = [{ backend: 'made_10000', server: 's' }, { backend: 'made_10000' }];
      expect(went).toMatchObject({ kind: 'done', left });
      expect(await get(port, { host: 'm.example' })).toMatchObject({ status: 503 });
      expect(await socket.echo('still there')).toBe('still there');
      expect((await runtime.read(serving, question))?.dynamic?.unpublished).toEqual(new Set(['made_10000']));
      expect(await runtime.sweep(serving, left)).toEqual(left);
      socket.close();
      await swept(left);
      const after = await runtime.read(serving, question);
      expect(after?.backends.has('made_10000')).toBe(false);
      expect(after?.dynamic?.made.size).toBe(0);
      // The name is free again.
      expect(await runtime.run(serving, comes)).toMatchObject({ kind: 'done' });
      expect(await get(port, { host: 'm.example' })).toMatchObject({ status: 200 });
    } finally {
      await patient.close();
    }
  });

  test('is in doubt when the worker hangs or ends in the middle of a batch', async () => {
    const impatient = createRuntime({ socket: rig.paths.runtimeSocket, clock: realClock, deadlineMs: 100 });
    const worker = await probeWorker(rig.paths.runtimeSocket, 2_000);
    if (!worker.ok) throw new Error(worker.failure.detail);
    const many = Array.from({ length: 20_000 }, (_, n) => addRow(`host-${n}.example`, 'web'));
    const batchCutBy = async (signal: NodeJS.Signals): Promise<unknown> => {
      const running = impatient.run(serving, many);
      await until(
        'the batch is under way',
        async () => (await ask(rig.paths.runtimeSocket, `show map ${MAP}`, 2_000)).ok,
        2_000,
      );
      process.kill(worker.value.pid, signal);
      // Whoever looks after HAProxy continues a worker that was stopped.
      const again = setInterval(() => signal === 'SIGSTOP' && process.kill(worker.value.pid, signal), 5);
      return running.finally(() => clearInterval(again));
    };
    expect(await batchCutBy('SIGSTOP')).toMatchObject({ kind: 'doubt' });
    process.kill(worker.value.pid, 'SIGCONT');
    expect(await runtime.run(serving, [deleteRow('host-0.example')])).toMatchObject({ kind: 'done' });
    expect(await batchCutBy('SIGKILL')).toMatchObject({ kind: 'doubt' });
    impatient.close();
  });

  test('is told what HAProxy refuses, and sends nothing behind it', async () => {
    const twice = addServer('web', { name: 't', port: 8_002, id: 5 });
    const result = await runtime.run(serving, [
      addServer('web', { name: 's', port: 8_001, id: 5 }),
      twice,
      addRow('new.example', 'web'),
    ]);
    expect(result).toMatchObject({ kind: 'refused', command: twice, reply: expect.stringContaining('already used') });
    expect((await rows())?.has('new.example')).toBe(false);
    expect(await serversOf('web')).toMatchObject([{ name: 's', up: true }]);
    expect(await runtime.run(serving, [addServer('gone', {})])).toMatchObject({ kind: 'refused' });
    expect(await runtime.run(generation(serving + 1), [])).toMatchObject({ kind: 'doubt' });
  });
});
