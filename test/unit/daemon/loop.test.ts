import { describe, expect, it } from 'vitest';
import type { AppId, TaskId } from '../../../src/core/app.ts';
import type { Generation } from '../../../src/core/config.ts';
import { TIMINGS } from '../../../src/daemon/timings.ts';
import { renderScripted, scriptedApp } from '../../support/scripted-core.ts';
import { createWorld, type World } from '../../support/scripted-ports.ts';

const LAST_GOOD = {
  generation: 7 as Generation,
  config: renderScripted({ services: [], routes: [], appIds: [], backends: [] }, 'last good'),
};

describe('start', () => {
  it('serves the last good configuration before the source has answered', async () => {
    const world = createWorld();
    world.lastGood = LAST_GOOD;
    world.takes = { snapshot: 60_000 };
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    expect(world.running).toEqual(LAST_GOOD);
    expect(world.of('snapshot-taken')).toEqual([]);
    await world.clock.advance(60_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    await world.stop();
  });

  it('reloads nothing when the adopted configuration is the wanted one', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.lastGood = { generation: 7 as Generation, config: world.desired() };
    world.begin();
    await world.clock.advance(120_000);
    expect(world.calls.get('validate')).toBeUndefined();
    expect(world.calls.get('apply')).toBeUndefined();
    expect(world.store.current().phase).toBe('idle');
    await world.stop();
  });

  it('calls the first configuration by its name', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(1_000);
    expect(world.of('applied').map((event) => event.plan.reload)).toEqual([[{ because: 'first-configuration' }]]);
    await world.stop();
  });
});

it('looks who else listens while the source cannot be read', async () => {
  const world = createWorld();
  world.apps = [scriptedApp('/a')];
  world.lastGood = { generation: 7 as Generation, config: world.desired() };
  world.fault = (call) => (call === 'snapshot' ? 'fail' : undefined);
  world.begin();
  await world.clock.advance(5_000);
  expect(world.calls.get('foreignListeners')).toBe(1);
  await world.clock.advance(60_000);
  expect(world.calls.get('foreignListeners')).toBe(2);
  await world.stop();
});

describe('the first look', () => {
  it('waits for the source to speak, and no second one follows', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(100);
    expect(world.calls.get('snapshot') ?? 0).toBe(0);
    world.hint('all');
    await world.clock.advance(5_000);
    expect(world.calls.get('snapshot')).toBe(1);
    await world.stop();
  });

  it('does not wait for ever', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(TIMINGS.attachMs - 1);
    expect(world.calls.get('snapshot') ?? 0).toBe(0);
    await world.clock.advance(1 + TIMINGS.settleMs);
    expect(world.calls.get('snapshot')).toBe(1);
    await world.stop();
  });
});

describe('when a pass runs', () => {
  it('answers the first hint from idle at once', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    const before = world.clock.now();
    world.hint(['/a']);
    await world.clock.settle();
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.clock.now()).toBe(before);
    expect(
      world
        .of('applied')
        .at(-1)
        ?.changes.map(({ change, what }) => `${change} ${what}`),
    ).toEqual(['route-added a.example', 'server-added 10.0.0.1:31000']);
    await world.stop();
  });

  it('joins a burst into few passes, and ends with the newest state', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    const applied = world.calls.get('apply') ?? 0;
    for (let n = 0; n < 500; n += 1) {
      world.apps = [scriptedApp('/a', 1 + (n % 7))];
      world.hint(['/a']);
      await world.clock.advance(2);
    }
    await world.clock.advance(5_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect((world.calls.get('apply') ?? 0) - applied).toBeLessThanOrEqual(TIMINGS.reloads.burst);
    await world.stop();
  });

  it('fetches what was hinted during a pass in the next one, as one set', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.takes = { snapshot: 1_000 };
    world.hint(['/a']);
    await world.clock.settle();
    world.hint(['/b']);
    world.hint(['/c']);
    world.hint(['/b']);
    await world.clock.advance(10_000);
    expect(world.scopes.slice(-2)).toEqual([['/a'], ['/b', '/c']]);
    await world.stop();
  });

  it('does not wait for the end of a burst that never ends', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.hint(['/warm-up']);
    await world.clock.settle();
    const before = world.of('pass-started').length;
    for (let n = 0; n < 250; n += 1) {
      world.hint(['/a']);
      await world.clock.advance(20);
    }
    expect(world.of('pass-started').length - before).toBeGreaterThanOrEqual(15);
    expect(world.of('pass-started').length - before).toBeLessThanOrEqual(25);
    await world.stop();
  });

  it('keeps the pace of a flapping app, without keeping others waiting', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    const before = world.calls.get('apply') ?? 0;
    for (let n = 0; n < 5 * 600; n += 1) {
      world.apps = [scriptedApp('/flap', n % 2)];
      world.hint(['/flap']);
      await world.clock.advance(200);
    }
    expect((world.calls.get('apply') ?? 0) - before).toBeLessThanOrEqual(610);
    world.apps = [...world.apps, scriptedApp('/other')];
    world.hint(['/other']);
    await world.clock.advance(3_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    await world.stop();
  });

  describe('with looks that may wait', () => {
    /** A loop that has had enough passes in a row. */
    async function busyWorld() {
      const world = createWorld();
      world.apps = [scriptedApp('/a', 2)];
      world.begin();
      await world.clock.advance(10_000);
      for (let n = 0; n < 40; n += 1) {
        world.hint([`/busy-${n % 2}`]);
        await world.clock.advance(50);
      }
      return world;
    }
    const lookedAt = (world: World, id: string) => world.scopes.filter((scope) => scope.includes(id as never)).length;

    it('answers them at once from idle', async () => {
      const world = createWorld();
      world.begin();
      await world.clock.advance(10_000);
      world.hint(['/a'], 'api_post_event', { patient: true });
      await world.clock.settle();
      expect(world.scopes.at(-1)).toEqual(['/a']);
      await world.stop();
    });

    it('puts them off while much happens, and keeps what they are about in sight', async () => {
      const world = await busyWorld();
      world.hint(['/a'], 'api_post_event', { patient: true });
      await world.clock.advance(TIMINGS.patienceMs - 100);
      expect(lookedAt(world, '/a')).toBe(0);
      await world.clock.advance(500);
      expect(lookedAt(world, '/a')).toBe(1);
      await world.stop();
    });

    it('looks soon where it is not certain that the servers of tasks that leave are out', async () => {
      const world = await busyWorld();
      const leaving = [{ app: '/a' as AppId, task: 'a.1' as TaskId }];
      world.hint(['/busy-1'], 'status_update_event', { leaving });
      world.hint(['/a'], 'status_update_event', { patient: true });
      await world.clock.advance(1_000);
      expect(lookedAt(world, '/a')).toBe(1);
      await world.stop();
    });
  });

  it('fetches again, by itself, what could not be fetched', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a'), scriptedApp('/b')];
    const last = world.calls.get('snapshot') ?? 0;
    world.fault = (call, n) => (call === 'snapshot' && n <= last + 3 ? 'fail' : undefined);
    world.hint(['/b']);
    await world.clock.advance(10_000);
    expect(world.scopes.slice(-4)).toEqual([['/b'], ['/b'], ['/b'], ['/b']]);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.store.current().sourceFailing).toBeUndefined();
    await world.clock.advance(60_000);
    expect(world.calls.get('snapshot')).toBe(last + 4);
    await world.stop();
  });

  it('asks Marathon nothing again when only HAProxy fails', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    const last = world.calls.get('snapshot') ?? 0;
    world.fault = (call) => (call === 'apply' ? 'fail' : undefined);
    world.hint('all');
    await world.clock.advance(60_000);
    world.fault = () => undefined;
    await world.clock.advance(30_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.calls.get('snapshot')).toBe(last + 1);
    await world.stop();
  });

  it('takes up a template while Marathon is away', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.fault = (call) => (call === 'snapshot' ? 'fail' : undefined);
    world.hint('all');
    await world.clock.advance(30_000);
    world.head = 'two';
    world.store.emit({ type: 'templates-loaded', overridden: ['global'] });
    await world.clock.advance(1_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    await world.stop();
  });

  it('looks at HAProxy again when it was restarted or reloaded by somebody else', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    world.running = LAST_GOOD;
    world.store.emit({ type: 'haproxy-up', haproxy: { up: true, oldWorkers: 0, mode: 'managed' }, how: 'restarted' });
    await world.clock.advance(1_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    world.running = LAST_GOOD;
    const seen = { up: true, oldWorkers: 0, mode: 'managed', generation: LAST_GOOD.generation } as const;
    world.store.emit({ type: 'haproxy-seen', haproxy: seen });
    await world.clock.advance(2_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    await world.stop();
  });

  it('repeats nothing when polls bring nothing new', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    const built = world.calls.get('build') ?? 0;
    const history = world.store.current().history.length;
    for (let n = 0; n < 20; n += 1) {
      world.hint('all', 'poll');
      await world.clock.advance(30_000);
    }
    expect(world.calls.get('build')).toBe(built);
    expect(world.calls.get('apply')).toBe(1);
    expect(world.store.current().history).toHaveLength(history);
    await world.stop();
  });
});

describe('a reload whose answer was lost', () => {
  it('is found to have worked, told as applied, and not repeated', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    world.fault = (call) => (call === 'apply' ? 'late' : undefined);
    world.hint('all');
    await world.clock.advance(20_000);
    expect(world.calls.get('apply')).toBe(2);
    const told = world.of('applied').at(-1);
    expect(told?.generation).toBe(world.running?.generation);
    expect(told?.changes.map((change) => change.change)).toEqual(['route-added', 'server-added']);
    expect(world.store.current().running?.generation).toBe(world.running?.generation);
    await world.stop();
  });

  it('is repeated when it did not work', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    world.fault = (call, n) => (call === 'apply' && n === 2 ? 'fail' : undefined);
    world.hint('all');
    await world.clock.advance(20_000);
    expect(world.calls.get('apply')).toBe(3);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    await world.stop();
  });

  it('is asked for twice before what runs counts as unknown', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/a')];
    world.begin();
    await world.clock.advance(10_000);
    const applied = world.calls.get('apply') ?? 0;
    const next = (world.calls.get('observe') ?? 0) + 1;
    world.fault = (call, n) => (call === 'observe' && n === next ? 'fail' : undefined);
    world.hint('all', 'poll');
    await world.clock.advance(20_000);
    expect(world.calls.get('apply')).toBe(applied);
    world.fault = (call, n) => (call === 'observe' && n <= next + 3 ? 'fail' : undefined);
    world.hint('all', 'poll');
    await world.clock.advance(20_000);
    expect(world.of('applied').at(-1)?.plan.reload).toEqual([{ because: 'running-unknown' }]);
    expect(world.calls.get('apply')).toBe(applied + 1);
    await world.stop();
  });
});

describe('the end', () => {
  it('is said at once, is not ready, and leaves HAProxy as the setting says', async () => {
    const world = createWorld({ settings: { onStop: 'drain' } });
    world.begin();
    await world.clock.advance(1_000);
    await world.stop();
    expect(world.stopped).toEqual(['drain']);
    expect(world.of('stopping')).toHaveLength(1);
    expect(world.store.current().phase).toBe('stopping');
  });

  it('never aborts applying', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    world.takes = { apply: 5_000 };
    world.hint('all');
    await world.clock.advance(1_000);
    expect(world.calls.get('apply')).toBe(1);
    await world.stop();
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.of('applied').at(-1)?.config.digest).toBe(world.desired().digest);
    expect([...world.memory.claims.keys()]).toEqual(['a.example']);
  });

  it('does not begin to apply when it came during validation', async () => {
    const world = createWorld();
    world.begin();
    await world.clock.advance(10_000);
    world.apps = [scriptedApp('/a')];
    world.takes = { validate: 5_000 };
    world.hint('all');
    await world.clock.advance(1_000);
    await world.stop();
    expect(world.calls.get('apply')).toBe(1);
    expect(world.ended()).toBe(true);
  });
});
