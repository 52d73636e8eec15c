import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../src/core/config.ts';
import type { DaemonEvent } from '../../../src/core/events.ts';
import { renderScripted, scriptedApp } from '../../support/scripted-core.ts';
import { type Call, createWorld, type Fault, type World } from '../../support/scripted-ports.ts';

const CALLS: readonly Call[] = [
  'start',
  'view',
  'load',
  'snapshot',
  'observe',
  'templates',
  'certificates',
  'build',
  'createRenderer',
  'render',
  'validate',
  'apply',
  'save',
  'tryBinds',
  'foreignListeners',
  'loadGood',
  'saveGood',
];
const CAN_FAIL: ReadonlySet<Call> = new Set([
  'start',
  'snapshot',
  'observe',
  'createRenderer',
  'render',
  'validate',
  'apply',
]);

const faultsOf = (call: Call): readonly Fault[] => [
  'throw',
  ...(CAN_FAIL.has(call) ? (['fail'] as const) : []),
  ...(call === 'apply' ? (['late'] as const) : []),
];

const MATRIX = CALLS.flatMap((call) =>
  faultsOf(call).flatMap((fault) => [1, 2, 3].map((nth) => ({ call, fault, nth }))),
);

const LAST_GOOD = {
  generation: 7 as Generation,
  config: renderScripted({ services: [], routes: [], appIds: [], backends: [] }, 'last good'),
};

/** A life with all kinds of change: start, a new app, a template, HAProxy restarted with something old, an app that leaves. */
async function live(world: World): Promise<void> {
  world.lastGood = LAST_GOOD;
  world.apps = [scriptedApp('/a', 2)];
  world.begin();
  await world.clock.advance(20_000);
  world.apps = [scriptedApp('/a', 2), scriptedApp('/b')];
  world.hint(['/b']);
  await world.clock.advance(20_000);
  world.head = 'two';
  world.store.emit({ type: 'templates-loaded', overridden: ['global'] });
  await world.clock.advance(20_000);
  if (world.running !== undefined) world.running = LAST_GOOD;
  world.store.emit({ type: 'haproxy-up', haproxy: { up: true, oldWorkers: 0, mode: 'managed' }, how: 'restarted' });
  await world.clock.advance(20_000);
  world.apps = [scriptedApp('/b', 3)];
  world.hint('all', 'poll');
  await world.clock.advance(40_000);
}

function expectRecovered(world: World, hosts: readonly string[] = ['a.example', 'b.example']): void {
  expect(world.running?.config.digest).toBe(world.desired().digest);
  const state = world.store.current();
  expect(state.running?.config?.digest).toBe(world.desired().digest);
  expect(state.running?.generation).toBe(world.running?.generation);
  expect(state.applyFailing).toBeUndefined();
  expect(state.sourceFailing).toBeUndefined();
  expect(state.phase).toBe('idle');
  expect([...world.memory.claims.keys()].sort()).toEqual(hosts);
}

/** Passes never overlap: starts and ends take turns. */
function expectOneAtATime(events: readonly DaemonEvent[]): void {
  const marks = events.filter((event) => event.type === 'pass-started' || event.type === 'pass-finished');
  marks.forEach((event, index) => {
    expect(event.type).toBe(index % 2 === 0 ? 'pass-started' : 'pass-finished');
  });
}

describe('one fault at any call', () => {
  it.each(MATRIX)('$call: $fault at call $nth', async ({ call, fault, nth }) => {
    const world = createWorld();
    let hit = false;
    world.fault = (made, n) => {
      if (made !== call || n !== nth) return undefined;
      hit = true;
      return fault;
    };
    await live(world);
    expect(hit || nth > (world.calls.get(call) ?? 0)).toBe(true);
    expectRecovered(world);
    expectOneAtATime(world.events);
    // What once served is never taken away: HAProxy always runs something.
    expect(world.running).toBeDefined();
    if (hit && fault === 'throw') expect(world.of('bug').length).toBeGreaterThan(0);
    else expect(world.of('bug')).toEqual([]);
    await world.stop();
    expect(world.ended()).toBe(true);
  });
});

describe('a fault that lasts', () => {
  const LASTING = CALLS.filter((call) => call !== 'load').flatMap((call) =>
    faultsOf(call).map((fault) => ({ call, fault })),
  );

  // Templates that are refused are not tried again by themselves: the ones before stay until the files change.
  const HEALING = LASTING.filter(({ call, fault }) => call !== 'createRenderer' || fault !== 'fail');

  it.each(HEALING)('$call: $fault is no hot loop, and heals by itself', async ({ call, fault }) => {
    // The worst luck that jitter can have.
    const world = createWorld({ random: () => 0 });
    world.lastGood = LAST_GOOD;
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a'), scriptedApp('/b')];
    world.head = 'two';
    let broken = true;
    world.fault = (made) => (broken && made === call ? fault : undefined);
    world.hint('all');
    const before = world.calls.get(call) ?? 0;
    await world.clock.advance(60_000);
    // 50 ms is the shortest pause: without a floor, bad luck would make these millions.
    expect((world.calls.get(call) ?? 0) - before).toBeLessThanOrEqual(60_000 / 50 + 5);
    expect(world.running).toBeDefined();
    broken = false;
    await world.clock.advance(31_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.store.current().applyFailing).toBeUndefined();
    expectOneAtATime(world.events);
    await world.stop();
  });

  it.each(LASTING)('$call: $fault costs few attempts in ten minutes with ordinary luck', async ({ call, fault }) => {
    let turn = 0;
    const random = (): number => {
      turn += 1;
      return (turn * 0.37) % 1;
    };
    const world = createWorld({ random });
    world.lastGood = LAST_GOOD;
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a'), scriptedApp('/b')];
    world.head = 'two';
    world.fault = (made) => (made === call ? fault : undefined);
    const before = world.calls.get(call) ?? 0;
    world.hint('all');
    await world.clock.advance(600_000);
    expect((world.calls.get(call) ?? 0) - before).toBeLessThanOrEqual(200);
    await world.stop();
  });
});

describe('memory that cannot be loaded', () => {
  it('is done without after some attempts: routes matter more', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.fault = (call) => (call === 'load' ? 'throw' : undefined);
    world.begin();
    await world.clock.advance(60_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.calls.get('load')).toBe(3);
    await world.stop();
  });
});

describe('a reload that failed', () => {
  it('is not repeated for every hint: each attempt may pause all listeners', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.fault = (call) => (call === 'apply' ? 'fail' : undefined);
    const before = world.calls.get('apply') ?? 0;
    for (let n = 0; n < 600; n += 1) {
      world.apps = [scriptedApp('/a', 1 + (n % 5))];
      world.hint(['/a']);
      await world.clock.advance(100);
    }
    // At 0.5, 1, 2, 4, 8, 15, 15 and 15 s, whatever is hinted between them.
    expect((world.calls.get('apply') ?? 0) - before).toBeLessThanOrEqual(9);
    expect(world.store.current().applyFailing?.stage).toBe('reload');
    world.fault = () => undefined;
    await world.clock.advance(31_000);
    expectRecovered(world, ['a.example']);
    await world.stop();
  });

  it('is tried earlier by what asks for other listeners: that may be the cure', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.fault = (call) => (call === 'apply' ? 'fail' : undefined);
    world.head = `x\n  bind 127.0.0.1:10001`;
    world.hint([]);
    // Far into the back-off: the next attempt comes 7.5 s after this one at the earliest.
    await world.clock.advance(9_000);
    const tried = world.calls.get('apply') ?? 0;
    world.fault = () => undefined;
    world.apps = [scriptedApp('/a', 3)];
    world.hint(['/a']);
    await world.clock.advance(2_500);
    expect(world.calls.get('apply')).toBe(tried);
    world.head = 'x';
    world.hint([]);
    await world.clock.advance(2_500);
    expect(world.calls.get('apply')).toBe(tried + 1);
    expectRecovered(world, ['a.example']);
    await world.stop();
  });
});
