import { describe, expect, it } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { readiness } from '../../../src/core/readiness.ts';
import type { ReloadReason } from '../../../src/core/reload-reason.ts';
import type { BackendName } from '../../../src/core/routing.ts';
import { createKeptBudget } from '../../../src/daemon/kept-budget.ts';
import { TIMINGS } from '../../../src/daemon/timings.ts';
import { scriptedApp } from '../../support/scripted-core.ts';
import { createWorld } from '../../support/scripted-ports.ts';

const LIMITS = { reloadBudget: 12, maxOldWorkers: 3, oldWorkersMemory: 100, hardStopAfter: 60_000 };
const CHANGE: ReloadReason = { because: 'backend-changed', backend: 'web' as BackendName };
const MB = 1024 * 1024;

function rig(limits: Partial<typeof LIMITS> = {}) {
  const told: Extract<DaemonEventBody, { type: 'reload-held' }>[] = [];
  const world = { now: 1_000_000, oldWorkers: 0, oldWorkersMemory: 0, looks: 0 };
  const budget = createKeptBudget({
    haproxy: {
      async view() {
        world.looks += 1;
        const { oldWorkers, oldWorkersMemory } = world;
        return { up: true, mode: 'managed', oldWorkers, oldWorkersMemory };
      },
    },
    clock: { now: () => world.now as Instant },
    emit: (event) => event.type === 'reload-held' && told.push(event),
    settings: { ...LIMITS, ...limits },
    timings: TIMINGS,
  });
  const waits = async (...reload: readonly ReloadReason[]): Promise<number> =>
    ((await budget.waits({ reload }, 0 as Instant)) ?? world.now) - world.now;
  return { world, budget, told, waits };
}

describe('the budget of reloads', () => {
  it('lets a few follow each other, then as many a minute as it says, and tells so', async () => {
    const { world, budget, told, waits } = rig();
    const waited: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      const ms = await waits(CHANGE);
      waited.push(ms);
      world.now += ms;
      budget.reloaded();
    }
    expect(waited).toEqual([0, 0, 0, 0, 0, 5_000, 5_000, 5_000]);
    expect(told.map(({ because }) => because)).toEqual(['budget', 'budget', 'budget']);
    world.now += 60_000;
    expect(await waits(CHANGE)).toBe(0);
  });

  it.each<ReloadReason>([
    { because: 'first-configuration' },
    { because: 'running-unknown' },
    { because: 'doubt', detail: '' },
    { because: 'drift', detail: '' },
  ])('never holds what puts HAProxy right: $because', async (reason) => {
    const { world, budget, told, waits } = rig();
    for (let n = 0; n < 10; n += 1) budget.reloaded();
    world.oldWorkers = 10;
    world.oldWorkersMemory = 1_000 * MB;
    expect(await waits(CHANGE)).toBeGreaterThan(0);
    told.length = 0;
    expect(await waits(CHANGE, reason)).toBe(0);
    expect(told).toEqual([]);
    expect(await budget.waits({ reload: [reason] }, (world.now + 70) as Instant)).toBe(world.now + 70);
  });

  it('holds while there are too many old workers, and looks again for one that has ended', async () => {
    const { world, told, waits } = rig();
    world.oldWorkers = 2;
    expect(await waits(CHANGE)).toBe(0);
    world.oldWorkers = 3;
    expect(await waits(CHANGE)).toBe(TIMINGS.oldWorkersLookMs);
    expect(told.at(-1)).toMatchObject({ because: 'old-workers', detail: expect.stringContaining('3 old workers') });
    const looks = world.looks;
    world.now += 1_000;
    expect(await waits(CHANGE)).toBe(TIMINGS.oldWorkersLookMs - 1_000);
    // Passes come several times a second: HAProxy is not asked in each.
    expect(world.looks).toBe(looks);
    world.oldWorkers = 2;
    world.now += TIMINGS.oldWorkersLookMs;
    expect(await waits(CHANGE)).toBe(0);
  });

  it('holds while old workers hold too much memory, unless there is no limit to that', async () => {
    const { world, told, waits } = rig();
    world.oldWorkers = 1;
    world.oldWorkersMemory = 100 * MB;
    expect(await waits(CHANGE)).toBe(TIMINGS.oldWorkersLookMs);
    expect(told.at(-1)).toMatchObject({ because: 'memory', detail: expect.stringContaining('100 MB') });
    const unlimited = rig({ oldWorkersMemory: 0 });
    unlimited.world.oldWorkers = 1;
    unlimited.world.oldWorkersMemory = 100_000 * MB;
    expect(await unlimited.waits(CHANGE)).toBe(0);
  });

  it('holds nothing for ever: HAProxy ends its old workers after that time', async () => {
    const { world, budget, waits } = rig();
    world.oldWorkers = 5;
    const from = world.now;
    for (let ms = await waits(CHANGE); ms > 0; ms = await waits(CHANGE)) world.now += ms;
    expect(world.now - from).toBe(LIMITS.hardStopAfter);
    budget.reloaded();
    expect(await waits(CHANGE)).toBe(TIMINGS.oldWorkersLookMs);
  });
});

describe('a daemon at the cap of old workers', () => {
  it('says why it waits, does not wait busily, and goes on when one has ended', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    const applied = world.calls.get('apply') ?? 0;
    world.oldWorkers = 10;
    world.apps = [scriptedApp('/a'), scriptedApp('/b')];
    world.hint(['/b']);
    const passes = world.of('pass-started').length;
    await world.clock.advance(30_000);
    expect(world.calls.get('apply')).toBe(applied);
    expect(world.of('pass-started').length - passes).toBeLessThanOrEqual(10);
    const held = world.store.current();
    expect(held.reloadHeld).toMatchObject({ because: 'old-workers' });
    expect(readiness(held, held.at)).toMatchObject({ ready: true, degraded: expect.arrayContaining(['reload-held']) });
    world.oldWorkers = 9;
    await world.clock.advance(6_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.store.current().reloadHeld).toBeUndefined();
    await world.stop();
  });

  it('forgets what it held when nobody wants it any more', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.oldWorkers = 10;
    world.apps = [scriptedApp('/a'), scriptedApp('/b')];
    world.hint(['/b']);
    await world.clock.advance(2_000);
    expect(world.store.current().reloadHeld).toBeDefined();
    world.apps = [scriptedApp('/a')];
    world.hint(['/b']);
    await world.clock.advance(6_000);
    expect(world.store.current().reloadHeld).toBeUndefined();
    await world.stop();
  });
});
