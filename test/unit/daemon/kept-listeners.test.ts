import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { BindTrial, ForeignListener } from '../../../src/core/listener.ts';
import { createRenderer } from '../../../src/core/render.ts';
import type { RoutingTable, ServiceFrontend } from '../../../src/core/routing.ts';
import { formatBind, type Settings } from '../../../src/core/settings.ts';
import { createKeptListeners } from '../../../src/daemon/kept-listeners.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { backend, service, settings, table, templates } from '../../support/tables.ts';

type Outcome = Omit<BindTrial, 'bind'>;
const THIEF: Outcome = { outcome: 'taken', holder: { pid: 4711, command: 'thief', as: 'listener' } };
const NODE = settings({ httpBind: [{ address: '*', port: 80 }], statsBind: [{ address: '127.0.0.1', port: 9090 }] });
const [WEB, MAIL] = [backend('web_10001'), backend('mail_10002')];
const at = (address: string, port: number) => ({ address, port, options: [] });
const inRange = (of: ServiceFrontend): ServiceFrontend => ({ ...of, inRange: true });
const tableOf = (...services: readonly ServiceFrontend[]): RoutingTable => table({ services, backends: [WEB, MAIL] });

/** Addresses whose fate is scripted, and what HAProxy has loaded. */
function createStage(
  by: Settings = NODE,
  fateBefore = new Map<string, Outcome>(),
  loadedBefore?: RenderedConfig,
  publishedBefore?: RenderedConfig,
) {
  const clock = createManualClock();
  const fate = new Map(fateBefore);
  const tried: string[] = [];
  const events: DaemonEventBody[] = [];
  let loaded = loadedBefore;
  let published = publishedBefore;
  let foreign: readonly ForeignListener[] = [];
  const renderer = createRenderer(templates());
  if (!renderer.ok) throw new Error(renderer.failure.message);
  const listeners = createKeptListeners({
    clock,
    settings: by,
    emit: (event) => events.push(event),
    loaded: () => loaded,
    published: () => published ?? loaded,
    haproxy: {
      tryBinds: async (binds) => {
        tried.push(...binds.map(formatBind));
        return binds.map((bind) => ({ bind, ...(fate.get(formatBind(bind)) ?? { outcome: 'free' }) }));
      },
      foreignListeners: async () => foreign,
    },
  });
  const rendered = (held: RoutingTable): RenderedConfig => {
    const place = { runtimeSocket: '/run/s', stateFile: '/run/f' };
    const config = renderer.value.render(held, listeners.settings(), NO_CERTIFICATES, place);
    if (!config.ok) throw new Error(config.failure.message);
    return config.value;
  };
  const stage = {
    clock,
    fate,
    events,
    listeners,
    hold: listeners.hold,
    tried: () => tried.splice(0),
    setForeign: (next: readonly ForeignListener[]) => {
      foreign = next;
    },
    /** HAProxy loads what a pass makes of a table. */
    async load(wanted: RoutingTable): Promise<RoutingTable> {
      const held = await listeners.hold(wanted);
      loaded = rendered(held);
      published = undefined;
      return held;
    },
    /** HAProxy is brought to it over its socket. */
    async carry(wanted: RoutingTable): Promise<RoutingTable> {
      const held = await listeners.hold(wanted);
      published = rendered(held);
      return held;
    },
    held: () => events.flatMap((event) => (event.type === 'listeners-held' ? [event.held] : [])).at(-1) ?? [],
  };
  return {
    ...stage,
    /** Another life of Portolan beside the same HAProxy and the same others. */
    restart: (): typeof stage => createStage(by, fate, loaded, published),
  };
}

const bindsOf = ({ services }: RoutingTable): readonly string[] =>
  services.flatMap(({ binds }) => binds.map(formatBind));

describe('an address that somebody else has', () => {
  test('holds its own service only, names who has it, and is told once', async () => {
    const { fate, listeners, held, events, load } = createStage();
    fate.set('127.0.0.1:10002', THIEF);
    const wanted = tableOf(service(WEB, [10_001]), service(MAIL, [10_002]));
    const first = await load(wanted);
    expect(bindsOf(first)).toEqual(['127.0.0.1:10001']);
    expect(first.backends).toBe(wanted.backends);
    expect(held()).toEqual([
      {
        bind: { address: '127.0.0.1', port: 10_002 },
        app: '/mail',
        service: 'mail_10002',
        since: expect.any(Number),
        why: 'thief (pid 4711) listens on 127.0.0.1:10002',
      },
    ]);
    expect(listeners.problems()).toMatchObject([
      { code: 'ListenerHeld', effect: 'route-refused', origin: { from: 'app', app: '/mail' } },
    ]);
    expect(listeners.problems()[0]?.message).toContain('thief (pid 4711)');
    expect(await listeners.hold(wanted)).toBe(await listeners.hold(wanted));
    expect(events).toHaveLength(1);
  });

  test('is tried again after 1, 2, 5, 10, 20, 30 and 60 s, and at no other time', async () => {
    const { clock, fate, listeners, load, tried } = createStage();
    fate.set('127.0.0.1:10002', THIEF);
    const wanted = tableOf(service(MAIL, [10_002]));
    await load(wanted);
    tried();
    const pauses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const due = (listeners.wake()?.at ?? 0) - clock.now();
      pauses.push(due);
      await clock.advance(due - 1);
      expect(listeners.isDue()).toBe(false);
      await listeners.hold(wanted);
      expect(tried()).toEqual([]);
      await clock.advance(1);
      expect(listeners.isDue()).toBe(true);
      await listeners.hold(wanted);
      expect(tried()).toEqual(['127.0.0.1:10002']);
    }
    expect(pauses).toEqual([1, 2, 5, 10, 20, 30, 60, 60, 60].map((s) => s * 1_000));
  });

  test('is listened on once it is free', async () => {
    const { clock, fate, listeners, held, load } = createStage();
    fate.set('127.0.0.1:10002', THIEF);
    const wanted = tableOf(service(MAIL, [10_002]));
    await load(wanted);
    fate.clear();
    await clock.advance(1_000);
    expect(await load(wanted)).toBe(wanted);
    expect(held()).toEqual([]);
    expect(listeners.problems()).toEqual([]);
    expect(listeners.wake()).toBeUndefined();
    expect(listeners.isDue()).toBe(false);
  });

  test('is forgotten when nobody wants it any more', async () => {
    const { fate, listeners, held, load } = createStage();
    fate.set('127.0.0.1:10002', THIEF);
    await load(tableOf(service(WEB, [10_001]), service(MAIL, [10_002])));
    await load(tableOf(service(WEB, [10_001])));
    expect(held()).toEqual([]);
    expect(listeners.wake()).toBeUndefined();
  });

  test.each([
    [{ outcome: 'not-local' }, '127.0.0.1 is not an address of this machine'],
    [{ outcome: 'taken' }, 'another process listens on 127.0.0.1:10002'],
    [
      { outcome: 'taken', holder: { pid: 7, command: 'curl', as: 'connection' } },
      'curl (pid 7) has an outgoing connection from 127.0.0.1:10002',
    ],
    [{ outcome: 'ephemeral' }, 'outgoing connections of this machine use port 10002'],
  ] as [Outcome, string][])('is explained: %j', async (outcome, why) => {
    const { fate, held, load } = createStage();
    fate.set('127.0.0.1:10002', outcome);
    await load(tableOf(service(MAIL, [10_002])));
    expect(held()[0]?.why).toContain(why);
  });

  test.each(['ours', 'untried'] as const)('is left to HAProxy: %s', async (outcome) => {
    const { fate, listeners } = createStage();
    fate.set('127.0.0.1:10002', { outcome });
    const wanted = tableOf(service(MAIL, [10_002]));
    expect(await listeners.hold(wanted)).toBe(wanted);
  });
});

describe('what is listened on', () => {
  test('is never tried, and never held', async () => {
    const { fate, listeners, load, tried } = createStage();
    const wanted = tableOf(service(WEB, [10_001]));
    await load(wanted);
    expect(tried()).toEqual(['*:80', '127.0.0.1:9090', '127.0.0.1:10001']);
    for (const bind of ['*:80', '127.0.0.1:10001']) fate.set(bind, THIEF);
    const more = tableOf(service(WEB, [10_001]), service(MAIL, [10_002]));
    expect(await listeners.hold(more)).toBe(more);
    expect(tried()).toEqual(['127.0.0.1:10002']);
  });

  test('serves on while the address that replaces it cannot be had, also after a restart', async () => {
    const { fate, load } = createStage();
    await load(tableOf(service(MAIL, [at('127.0.0.1', 10_002)])));
    fate.set('10.0.0.1:10002', { outcome: 'not-local' });
    expect(bindsOf(await load(tableOf(service(MAIL, [at('10.0.0.1', 10_002)]))))).toEqual(['127.0.0.1:10002']);
    fate.clear();
    fate.set('10.0.0.1:10003', THIEF);
    expect(bindsOf(await load(tableOf(service(MAIL, [at('10.0.0.1', 10_003)]))))).toEqual(['127.0.0.1:10002']);
  });

  test('serves on under another service port, as long as it is certain whose it was', async () => {
    const { clock, fate, load } = createStage();
    await load(tableOf(service(MAIL, [10_002])));
    for (const port of [10_003, 10_004]) fate.set(`127.0.0.1:${port}`, THIEF);
    const moved = service(backend('mail_10003'), [10_003]);
    const kept = await load(tableOf(moved));
    expect(kept.services).toEqual([{ ...moved, binds: service(MAIL, [10_002]).binds }]);
    expect(await load(tableOf(moved))).toEqual(kept);
    const [first, second] = [service(MAIL, [10_002]), service(backend('mail_10005'), [10_005])];
    fate.delete('127.0.0.1:10003');
    await clock.advance(1_000);
    expect(await load(tableOf(moved))).toMatchObject({ services: [moved] });
    await load(tableOf(first, second));
    const both = [moved, service(backend('mail_10004'), [10_004])];
    fate.set('127.0.0.1:10003', THIEF);
    expect((await load(tableOf(...both))).services).toEqual([]);
  });

  test('is given up when somebody else is to have it', async () => {
    const { fate, load } = createStage();
    await load(tableOf(service(MAIL, [10_002])));
    fate.set('127.0.0.1:10003', THIEF);
    const wanted = tableOf(service(WEB, [10_002]), service(MAIL, [10_003]));
    expect(await load(wanted)).toMatchObject({ services: [{ name: 'web_10001' }] });
  });

  test('is given up first where it is in the way of the address that replaces it', async () => {
    const { clock, fate, held, listeners, load } = createStage();
    await load(tableOf(service(MAIL, [10_002])));
    fate.set('*:10002', { outcome: 'ours' });
    const wanted = tableOf(service(MAIL, [at('*', 10_002)]));
    expect(bindsOf(await load(wanted))).toEqual([]);
    expect(held()[0]?.why).toBe('HAProxy gives up 127.0.0.1:10002 first');
    // What is loaded now does not listen there any more: it need not wait for its time.
    expect([listeners.isDue(), listeners.wake()?.at]).toEqual([true, 0]);
    // The worker before has not let go of it yet: HAProxy is not told, and it is tried again at its time.
    expect(bindsOf(await load(wanted))).toEqual([]);
    expect([listeners.isDue(), listeners.wake()?.at]).toEqual([false, clock.now() + 2_000]);
    fate.clear();
    await clock.advance(2_000);
    expect(await load(wanted)).toBe(wanted);
  });

  test('is not waited for for ever by the address that replaces it', async () => {
    const { clock, fate, load } = createStage();
    await load(tableOf(service(MAIL, [10_002])));
    fate.set('*:10002', { outcome: 'ours' });
    const wanted = tableOf(service(MAIL, [at('*', 10_002)]));
    for (let tries = 0; tries < 10; tries += 1) {
      await load(wanted);
      await clock.advance(60_000);
    }
    expect(await load(wanted)).toBe(wanted);
  });

  test('by templates alone is no app’s, unless it has it already', async () => {
    const { clock, held, load, tried, hold } = createStage();
    const fixed = new Map([['listen stats', 'listen stats\n  bind 127.0.0.1:9090\nfrontend own\n  bind *:10002\n']]);
    const wanted = tableOf(service(WEB, [10_001]), service(MAIL, [10_002]));
    expect(bindsOf(await hold(wanted, fixed))).toEqual(['127.0.0.1:10001']);
    expect(held()).toMatchObject([{ app: '/mail', why: 'the templates listen on *:10002' }]);
    expect(tried()).not.toContain('127.0.0.1:10002');
    await load(wanted);
    await clock.advance(1_000);
    expect(await hold(wanted, new Map())).toBe(wanted);
    await load(wanted);
    expect(await hold(wanted, fixed)).toBe(wanted);
  });
});

describe('addresses of settings', () => {
  test('are held alone: everything else is listened on', async () => {
    const { clock, fate, listeners, held, load } = createStage();
    fate.set('*:80', THIEF);
    const wanted = tableOf(service(WEB, [10_001]));
    expect(await load(wanted)).toMatchObject({ services: wanted.services });
    expect(listeners.settings()).toEqual({ ...NODE, httpBind: [] });
    expect(listeners.settings()).toBe(listeners.settings());
    expect(held()).toMatchObject([{ setting: 'http-bind', bind: { port: 80 } }]);
    expect(listeners.problems()).toMatchObject([{ origin: { from: 'setting', name: 'http-bind' } }]);
    expect(listeners.nowhere(wanted)).toBeUndefined();
    fate.clear();
    await clock.advance(1_000);
    await load(wanted);
    expect(listeners.settings()).toBe(NODE);
  });

  test('may be among the ports of outgoing connections: who sets up a machine knows', async () => {
    const { fate, listeners } = createStage();
    fate.set('*:80', { outcome: 'ephemeral' });
    await listeners.hold(tableOf());
    expect(listeners.settings()).toBe(NODE);
  });

  test('start nothing while all of them are held', async () => {
    const { clock, fate, listeners } = createStage();
    for (const bind of ['*:80', '127.0.0.1:9090']) fate.set(bind, THIEF);
    const held = await listeners.hold(tableOf());
    expect(listeners.nowhere(held)).toBe(clock.now() + 1_000);
  });

  test('of a range are held port by port, with the app whose port it is', async () => {
    const { clock, fate, listeners, held, load, tried } = createStage(
      settings({ servicePortRange: { address: '*', from: 10_000, to: 10_009 } }),
    );
    fate.set('*:10001', THIEF);
    fate.set('*:10005', THIEF);
    const wanted = tableOf(inRange(service(WEB, [at('*', 10_001)])));
    expect(bindsOf(await load(wanted))).toEqual(['*:10001']);
    expect(held().map(({ bind, app, setting }) => [bind.port, app, setting])).toEqual([
      [10_001, '/web', 'service-port-range'],
      [10_005, undefined, 'service-port-range'],
    ]);
    expect(listeners.settings().servicePortRange?.without).toEqual([10_001, 10_005]);
    tried();
    await load(tableOf(inRange(service(WEB, [at('*', 10_001)])), inRange(service(MAIL, [at('*', 10_002)]))));
    expect(tried()).toEqual([]);
    fate.delete('*:10001');
    await clock.advance(1_000);
    await load(wanted);
    expect(listeners.settings().servicePortRange?.without).toEqual([10_005]);
  });
});

describe('a service of the range that moves to a port which it cannot have', () => {
  const RANGED = settings({ servicePortRange: { address: '*', from: 10_000, to: 10_009 } });
  const ranged = (name: string, port: number) => inRange(service(backend(name), [at('*', port)]));
  const LAST = ranged('mail_10002', 10_002);
  const MOVED = ranged('mail_10005', 10_005);

  /** `before` is loaded, then `after` is wanted while somebody has its port; with a new life in between if it is asked for. */
  async function moved(before: ServiceFrontend, after: ServiceFrontend, restarted: boolean) {
    const stage = createStage(RANGED);
    for (const { address, port } of after.binds) stage.fate.set(`${address}:${port}`, THIEF);
    await stage.load(tableOf(before));
    const next = restarted ? stage.restart() : stage;
    return { stage: next, anew: stage.restart, kept: await next.load(tableOf(after)) };
  }

  test.each([false, true])(
    'keeps the one that it has, restarted: %s, and takes the new one when it is free',
    async (again) => {
      const { stage, anew, kept } = await moved(LAST, MOVED, again);
      expect(kept.services).toEqual([{ ...MOVED, binds: LAST.binds }]);
      expect(stage.held()).toMatchObject([{ app: '/mail', service: 'mail_10005', bind: { port: 10_005 } }]);
      expect((await stage.load(tableOf(MOVED))).services).toEqual(kept.services);
      expect((await anew().load(tableOf(MOVED))).services).toEqual(kept.services);
      stage.fate.clear();
      await stage.clock.advance(60_000);
      expect((await stage.load(tableOf(MOVED))).services).toEqual([MOVED]);
    },
  );

  test.each([false, true])('keeps a frontend of its own, restarted: %s', async (again) => {
    const { kept } = await moved(service(backend('mail_20002'), [at('*', 20_002)]), MOVED, again);
    expect(kept.services).toEqual([{ ...service(backend('mail_10005'), [at('*', 20_002)]) }]);
  });

  test.each([false, true])('keeps it also where the new one is not in the range, restarted: %s', async (again) => {
    const { kept } = await moved(LAST, service(backend('mail_20005'), [at('*', 20_005)]), again);
    expect(kept.services).toEqual([{ ...ranged('mail_20005', 10_002) }]);
  });

  test('keeps, after a restart, the one that the socket gave it, and not one that was loaded long ago', async () => {
    const stage = createStage(RANGED);
    stage.fate.set('*:10005', THIEF);
    await stage.load(tableOf(LAST));
    const since = ranged('mail_10003', 10_003);
    await stage.carry(tableOf(since));
    const next = stage.restart();
    expect((await next.carry(tableOf(MOVED))).services).toEqual([{ ...MOVED, binds: since.binds }]);
    expect((await next.carry(tableOf(MOVED))).services).toEqual([{ ...MOVED, binds: since.binds }]);
  });

  test('gives it up to another service that asks for it', async () => {
    const stage = createStage(RANGED);
    stage.fate.set('*:10005', THIEF);
    await stage.load(tableOf(LAST));
    const other = ranged('web_10002', 10_002);
    expect((await stage.load(tableOf(other, MOVED))).services).toEqual([other, MOVED]);
  });
});

test('others that listen where HAProxy does are told once, and when they are gone', async () => {
  const { listeners, events, load, setForeign } = createStage();
  await load(tableOf());
  const found = [{ bind: { address: '*', port: 80 }, pid: 4711, command: 'ghost' }];
  const tend = () => listeners.tend(new AbortController().signal);
  await tend();
  setForeign(found);
  await tend();
  await tend();
  setForeign([]);
  await tend();
  expect(events).toEqual([
    { type: 'foreign-listeners', found },
    { type: 'foreign-listeners', found: [] },
  ]);
});
