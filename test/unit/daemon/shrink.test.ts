import { describe, expect, it, test } from 'vitest';
import type { App, AppId, Instant, Version } from '../../../src/core/app.ts';
import type { Generation } from '../../../src/core/config.ts';
import { NO_WITNESS } from '../../../src/core/trust.ts';
import { renderScripted, SCRIPTED_STAGES, scriptedApp, snapshotOf } from '../../support/scripted-core.ts';
import { createWorld, type World } from '../../support/scripted-ports.ts';

const idOf = (n: number): AppId => `/a${String(n).padStart(2, '0')}` as AppId;
/** On ports of its own. */
function appOf(id: string, n: number, servers = 1): App {
  const app = scriptedApp(id, servers);
  const tasks = app.tasks.map((task, at) => ({
    ...task,
    endpoints: [{ portIndex: 0, address: '10.0.0.1', port: 32_000 + 10 * n + at }],
  }));
  return { ...app, tasks };
}
const APPS: readonly App[] = Array.from({ length: 20 }, (_, n) => appOf(idOf(n), n));
const HALF = APPS.slice(10);
const LOST = APPS.slice(0, 10).map(({ id }) => id);

/** The hosts that HAProxy routes. */
const hosts = (world: World): number =>
  world.running?.config.files.get('maps/hosts.map')?.trim().split('\n').length ?? 0;
const state = (world: World) => world.store.current();

/** A world in which HAProxy serves all apps. */
async function serving(): Promise<World> {
  const world = createWorld();
  world.apps = [...APPS];
  world.begin();
  await world.clock.advance(1_000);
  expect(hosts(world)).toBe(20);
  return world;
}

/** The same, and the list is half of it all at once. */
async function halved(more: Partial<Pick<World, 'witness'>> = {}): Promise<World> {
  const world = await serving();
  Object.assign(world, more);
  world.apps = [...HALF];
  world.hint('all', 'poll');
  await world.clock.advance(100);
  expect(hosts(world)).toBe(20);
  expect(state(world).guard).toMatchObject({ lost: 10, of: 20, because: 'share' });
  return world;
}

describe('a list without half of what is served', () => {
  it('takes nothing away, is told, and asks again by itself', async () => {
    const world = await halved();
    await world.clock.advance(50_000);
    expect(hosts(world)).toBe(20);
    expect(world.of('shrink-held').map(({ again, hold }) => [again, hold.answers])).toEqual([
      [false, 1],
      [true, 2],
      [true, 3],
    ]);
    expect(world.of('apply-failed')).toEqual([]);
    await world.stop();
  });

  it('is believed once it has repeated', async () => {
    const world = await halved();
    await world.clock.advance(62_000);
    expect(hosts(world)).toBe(10);
    expect(world.of('shrink-ended').map(({ how, lost }) => [how, lost])).toEqual([['repeated', 10]]);
    expect(state(world).guard).toBeUndefined();
    await world.stop();
  });

  it('does not keep anybody else waiting', async () => {
    const world = await halved();
    world.apps = [...HALF.slice(1), appOf('/new', 30), appOf(idOf(10), 10, 3)];
    world.hint('all', 'poll');
    await world.clock.advance(100);
    expect(hosts(world)).toBe(21);
    const text = world.running?.config.files.get('haproxy.cfg') ?? '';
    expect(text).toContain('10.0.0.1:32102');
    await world.stop();
  });

  it('gives no request to a task whose port has gone to somebody else', async () => {
    const world = await halved();
    world.apps = [...HALF, appOf('/new', 3)];
    world.hint('all', 'poll');
    await world.clock.advance(100);
    expect(hosts(world)).toBe(21);
    const text = world.running?.config.files.get('haproxy.cfg') ?? '';
    expect(text.match(/10\.0\.0\.1:32030/g)).toHaveLength(1);
    const applied = world.calls.get('apply');
    await world.clock.advance(40_000);
    expect(world.calls.get('apply')).toBe(applied);
    await world.stop();
  });

  it('ends when the next one is whole, and nothing has to be applied for it', async () => {
    const world = await halved();
    const applied = world.calls.get('apply');
    world.apps = [...APPS];
    await world.clock.advance(21_000);
    expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['refuted']);
    expect(world.calls.get('apply')).toBe(applied);
    await world.stop();
  });

  it('keeps the very apps that were there', async () => {
    const world = await halved();
    const before = new Set<unknown>(APPS);
    expect(state(world).snapshot?.apps).toHaveLength(20);
    expect(state(world).snapshot?.apps.every((app) => before.has(app))).toBe(true);
    await world.stop();
  });

  it('is believed at once when an operator says so, and he is told when there is nothing to believe', async () => {
    const world = await halved();
    expect(world.loop.control.acceptShrink()).toBe(true);
    await world.clock.advance(300);
    expect(hosts(world)).toBe(10);
    expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['operator']);
    expect(world.loop.control.acceptShrink()).toBe(false);
    await world.stop();
  });

  it('is no word for what is missing beside it a moment later', async () => {
    const world = await halved();
    world.apps = [];
    world.takes = { snapshot: 200 };
    world.hint('all', 'poll');
    await world.clock.advance(150);
    expect(world.loop.control.acceptShrink()).toBe(true);
    await world.clock.advance(500);
    expect(hosts(world)).toBe(20);
    expect(state(world).guard).toMatchObject({ lost: 20, because: 'empty-list' });
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(10);
    expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['operator']);
    await world.stop();
  });

  it('does not delay others that are deleted one by one', async () => {
    const world = await halved();
    for (const [n, { id }] of HALF.slice(0, 4).entries()) {
      world.apps = [...HALF.slice(n + 1)];
      world.hint([id], 'app_terminated_event', { removed: [id] });
      await world.clock.advance(500);
      expect(hosts(world)).toBe(19 - n);
    }
    expect(state(world).guard).toMatchObject({ lost: 10 });
    await world.stop();
  });

  it('keeps the pace while it is held', async () => {
    const world = await halved({ witness: (missing) => ({ ...NO_WITNESS, there: new Set(missing) }) });
    const before = world.of('pass-started').length;
    await world.clock.advance(10 * 60_000);
    expect(hosts(world)).toBe(20);
    expect(world.of('pass-started').length - before).toBeLessThanOrEqual(120);
    await world.stop();
  });
});

describe('half of what is served, read app by app', () => {
  it('takes nothing away while nobody says that it goes, and the list is asked', async () => {
    const world = await serving();
    world.apps = [...HALF];
    world.hint(LOST, 'status_update_event');
    await world.clock.advance(300);
    expect(hosts(world)).toBe(20);
    expect(state(world).guard).toMatchObject({ lost: 10, of: 20, because: 'share' });
    world.apps = [...APPS];
    await world.clock.advance(2_000);
    expect(world.scopes.at(-1)).toBe('all');
    expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['refuted']);
    expect(hosts(world)).toBe(20);
    await world.stop();
  });

  it('is believed once lists repeat it', async () => {
    const world = await serving();
    world.apps = [...HALF];
    world.hint(LOST, 'status_update_event');
    await world.clock.advance(59_000);
    expect(hosts(world)).toBe(20);
    await world.clock.advance(24_000);
    expect(hosts(world)).toBe(10);
    await world.stop();
  });

  it('goes at once where events say so', async () => {
    const world = await serving();
    world.apps = [...HALF];
    world.hint(LOST, 'deployment_info', { removed: LOST });
    await world.clock.advance(500);
    expect(hosts(world)).toBe(10);
    expect(world.of('shrink-held')).toEqual([]);
    await world.stop();
  });

  it('is many small losses where it is spread over a few looks', async () => {
    const world = await serving();
    for (let n = 1; n <= 10; n += 1) {
      world.apps = [...APPS.slice(n)];
      world.hint([idOf(n - 1)], 'status_update_event');
      await world.clock.advance(1_000);
    }
    expect(hosts(world)).toBe(14);
    expect(state(world).guard).toBeDefined();
    await world.stop();
  });

  it('may be a cluster’s only app: one 404 is no empty list', async () => {
    const world = createWorld();
    world.apps = [appOf('/only', 1), appOf('/other', 2)];
    world.begin();
    await world.clock.advance(1_000);
    world.apps = [];
    world.hint(['/only'], 'status_update_event');
    await world.clock.advance(500);
    expect(hosts(world)).toBeLessThanOrEqual(1);
    expect(world.of('shrink-held')).toEqual([]);
    await world.stop();
  });
});

test('two fifths that are suspended at once are Marathon’s word', async () => {
  const world = await serving();
  world.apps = APPS.map((app, n) => (n < 8 ? { ...app, instances: 0, tasks: [] } : app));
  world.hint('all', 'poll');
  await world.clock.advance(500);
  expect(world.of('shrink-held')).toEqual([]);
  expect((world.running?.config.files.get('haproxy.cfg') ?? '').match(/^ *server /gm)).toHaveLength(12);
  await world.stop();
});

describe('an explanation', () => {
  it('by events lets go at once, whether they come before the list or after it', async () => {
    const world = await serving();
    world.hint(['/a10'], 'deployment_info', { removed: LOST });
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(10);
    expect(world.of('shrink-held')).toEqual([]);
    await world.stop();

    const late = await halved();
    late.hint(['/a10'], 'app_terminated_event', { removed: LOST.slice(0, 4) });
    await late.clock.advance(500);
    expect(late.of('shrink-ended').map(({ how }) => how)).toEqual(['explained']);
    expect(hosts(late)).toBe(10);
    await late.stop();
  });

  it('by a running deployment lets go', async () => {
    const world = await serving();
    world.witness = () => ({ ...NO_WITNESS, stopping: new Set(LOST) });
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(10);
    await world.stop();
  });

  const gone = { ...NO_WITNESS, gone: new Set(LOST), leaderElected: true };
  const cases = [
    ['an elected leader, and nobody listens to events', gone, 10],
    [
      'an elected leader, and listening began after the last good list',
      { ...gone, listeningSince: 10e12 as Instant },
      10,
    ],
    ['an elected leader, though every event was heard', { ...gone, listeningSince: 0 as Instant }, 20],
    ['nobody in particular', { ...gone, leaderElected: false }, 20],
  ] as const;
  for (const [name, witness, left] of cases) {
    it(`by a 404 of ${name}: ${left === 10 ? 'lets go' : 'holds'}`, async () => {
      const world = await serving();
      world.witness = () => witness;
      world.apps = [...HALF];
      world.hint('all', 'poll');
      await world.clock.advance(500);
      expect(hosts(world)).toBe(left);
      await world.stop();
    });
  }

  it('is used up by the app’s end: one that is made anew can be missed again', async () => {
    const world = await serving();
    world.hint(LOST, 'deployment_info', { removed: LOST });
    world.apps = [...HALF];
    world.hint(LOST, 'app_terminated_event', { removed: LOST });
    await world.clock.advance(500);
    expect(hosts(world)).toBe(10);
    world.apps = [...APPS];
    world.hint(LOST, 'api_post_event');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(20);
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(20);
    await world.stop();
  });

  it('is used up where the app is there anew before any answer lacked it', async () => {
    const world = await serving();
    world.apps = APPS.map((app, n) => (n < 10 ? { ...app, configVersion: '2030' as Version } : app));
    world.hint(LOST, 'deployment_info', { removed: LOST });
    await world.clock.advance(500);
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(20);
    await world.stop();
  });

  it('is forgotten when the app is there again', async () => {
    const world = await serving();
    world.hint(['/a10'], 'deployment_info', { removed: LOST });
    await world.clock.advance(40_000);
    world.hint('all', 'poll');
    await world.clock.advance(100);
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(hosts(world)).toBe(20);
    await world.stop();
  });
});

describe('others', () => {
  it('who show what is missing are believed: it is read by itself, and the list is never believed', async () => {
    const world = await halved({ witness: (missing) => ({ ...NO_WITNESS, there: new Set(missing) }) });
    await world.clock.advance(500);
    expect(world.scopes.at(-1)).toEqual(LOST);
    await world.clock.advance(300_000);
    expect(hosts(world)).toBe(20);
    expect(state(world).guard).toBeDefined();
    await world.stop();
  });

  it('who have a better list are read at once', async () => {
    const world = await serving();
    world.witness = (missing) => {
      world.apps = [...APPS];
      return { ...NO_WITNESS, there: new Set(missing), betterList: true };
    };
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(500);
    expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['refuted']);
    expect(world.scopes.at(-1)).toBe('all');
    expect(hosts(world)).toBe(20);
    await world.stop();
  });

  it('who cannot be asked for a bug stop nothing', async () => {
    const world = await serving();
    world.fault = (call) => (call === 'witness' ? 'throw' : undefined);
    world.apps = [...HALF];
    world.hint('all', 'poll');
    await world.clock.advance(62_000);
    expect(world.of('bug').length).toBeGreaterThan(0);
    expect(hosts(world)).toBe(10);
    await world.stop();
  });
});

describe('a list that is short from the beginning of a life', () => {
  const config = renderScripted(
    SCRIPTED_STAGES.build(snapshotOf(APPS), {} as never, {} as never, { claims: new Map() } as never).value,
    'one',
  );

  async function begun(apps: readonly App[]): Promise<World> {
    const world = createWorld();
    world.lastGood = { generation: 7 as Generation, config };
    world.apps = [...apps];
    world.begin();
    await world.clock.advance(1_000);
    return world;
  }

  it('changes nothing of what runs', async () => {
    for (const apps of [HALF, []]) {
      const world = await begun(apps);
      await world.clock.advance(40_000);
      expect(world.running?.generation).toBe(7);
      expect(state(world).guard).toMatchObject({ of: 20, because: apps.length === 0 ? 'empty-list' : 'share' });
      expect(world.of('pass-finished').every(({ outcome }) => outcome === 'waiting')).toBe(true);
      world.apps = [...APPS];
      await world.clock.advance(21_000);
      expect(world.of('shrink-ended').map(({ how }) => how)).toEqual(['refuted']);
      expect(world.running?.generation).toBe(7);
      await world.stop();
    }
  });

  it('is believed once it has repeated, or when an operator says so', async () => {
    const repeated = await begun(HALF);
    await repeated.clock.advance(62_000);
    expect(hosts(repeated)).toBe(10);
    await repeated.stop();
    const operator = await begun(HALF);
    operator.loop.control.acceptShrink();
    await operator.clock.advance(500);
    expect(hosts(operator)).toBe(10);
    await operator.stop();
  });

  it('is completed with what others show', async () => {
    const world = createWorld();
    world.lastGood = { generation: 7 as Generation, config };
    world.apps = [...HALF];
    world.witness = (missing) => {
      world.apps = [...APPS.slice(0, 10), appOf(idOf(19), 19, 2)];
      return { ...NO_WITNESS, there: new Set(missing) };
    };
    world.begin();
    await world.clock.advance(2_000);
    // What is read app by app is merged into the list by the source, which this world does not have.
    expect(world.scopes.slice(0, 2)).toEqual(['all', LOST]);
    await world.stop();
  });

  it('is believed where nothing runs yet', async () => {
    const world = createWorld();
    world.apps = [...HALF];
    world.begin();
    await world.clock.advance(1_000);
    expect(hosts(world)).toBe(10);
    await world.stop();
  });
});
