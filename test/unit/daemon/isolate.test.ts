import { describe, expect, it } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import type { Diagnostic, RenderedConfig } from '../../../src/core/config.ts';
import { appOf } from '../../../src/core/problem.ts';
import { scriptedApp } from '../../support/scripted-core.ts';
import { createWorld, type World } from '../../support/scripted-ports.ts';

/** Refuses lines that hold `bad`, naming their numbers; at most `atOnce` of them. */
const byLine =
  (atOnce = Number.POSITIVE_INFINITY) =>
  (config: RenderedConfig): readonly Diagnostic[] =>
    (config.files.get('haproxy.cfg') ?? '')
      .split('\n')
      .flatMap((text, index): readonly Diagnostic[] =>
        text.includes('bad')
          ? [{ severity: 'alert', line: index + 1, message: `unknown keyword in '${text.trim()}'` }]
          : [],
      )
      .slice(0, atOnce);

/** Refuses them without saying where. */
const wordless = (config: RenderedConfig): readonly Diagnostic[] =>
  byLine(1)(config).map(() => ({ severity: 'alert', message: 'Fatal errors found in configuration.' }));

const many = (count: number, bad: readonly number[] = []) =>
  Array.from({ length: count }, (_, n) =>
    scriptedApp(`/app-${String(n).padStart(4, '0')}`, 1, bad.includes(n) ? 'bad' : undefined),
  );

async function started(world: World): Promise<World> {
  world.begin();
  await world.clock.advance(10_000);
  return world;
}

const excluded = (world: World): readonly unknown[] =>
  world.store
    .current()
    .problems.filter((problem) => problem.code === 'Quarantined')
    .map((problem) => appOf(problem.origin));

const routed = (world: World): number =>
  (world.running?.config.files.get('maps/hosts.map') ?? '').split('\n').length - 1;

describe('apps that HAProxy refuses', () => {
  it('leaves out three of 2,000 with two validations when all are named at once', async () => {
    const world = createWorld();
    world.apps = many(2_000, [7, 900, 1_999]);
    world.refuses = byLine();
    await started(world);
    expect(routed(world)).toBe(1_997);
    expect(world.calls.get('validate')).toBe(2);
    expect(excluded(world)).toEqual(['/app-0007', '/app-0900', '/app-1999']);
    await world.stop();
  });

  it('leaves out three of 2,000 with four validations when they are named one by one', async () => {
    const world = createWorld();
    world.apps = many(2_000, [7, 900, 1_999]);
    world.refuses = byLine(1);
    await started(world);
    expect(routed(world)).toBe(1_997);
    expect(world.calls.get('validate')).toBe(4);
    await world.stop();
  });

  it('says so with HAProxy’s words, each app with its own', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/good'), scriptedApp('/one', 1, 'bad-1'), scriptedApp('/two', 1, 'bad-2')];
    world.refuses = byLine();
    await started(world);
    const problems = world.store.current().problems;
    expect(problems.map(({ code, effect, message, origin }) => ({ code, effect, message, origin }))).toEqual([
      {
        code: 'Quarantined',
        effect: 'app-excluded',
        message: "HAProxy refused what /one asks for, and the app is left out: unknown keyword in '# bad-1'",
        origin: { from: 'label', app: '/one', label: 'HAPROXY_0_BAD' },
      },
      {
        code: 'Quarantined',
        effect: 'app-excluded',
        message: "HAProxy refused what /two asks for, and the app is left out: unknown keyword in '# bad-2'",
        origin: { from: 'label', app: '/two', label: 'HAPROXY_0_BAD' },
      },
    ]);
    expect(world.of('validation-failed').map((event) => event.blamed)).toEqual([['/one', '/two']]);
    await world.stop();
  });

  it('leaves out any number of new ones, and keeps nobody waiting for them', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = many(20);
    await started(world);
    const bad = Array.from({ length: 60 }, (_, n) => 20 + n);
    world.apps = many(81, bad);
    world.hint('all');
    await world.clock.advance(5_000);
    expect(excluded(world)).toHaveLength(60);
    expect(routed(world)).toBe(21);
    expect(world.running?.config.files.get('haproxy.cfg')).toContain('backend app-0080_');
    // They are new to the next life as well, which has nothing but what this one has saved.
    const next = createWorld();
    next.refuses = byLine();
    next.saved = { apps: world.saved.apps, quarantined: new Map() };
    next.lastGood = world.running;
    next.apps = many(81, bad);
    await started(next);
    expect(excluded(next)).toHaveLength(60);
    await world.stop();
    await next.stop();
  });

  it('halves when nobody is named', async () => {
    const world = createWorld();
    world.apps = many(500, [321]);
    world.refuses = wordless;
    await started(world);
    expect(routed(world)).toBe(499);
    expect(excluded(world)).toEqual(['/app-0321']);
    expect(world.calls.get('validate')).toBeLessThanOrEqual(13);
    await world.stop();
  });

  it('goes on with the next pass when the runs of one are not enough', async () => {
    const world = createWorld();
    const bad = [3, 100, 200, 300, 400, 499];
    world.apps = many(500, bad);
    world.refuses = wordless;
    await started(world);
    await world.clock.advance(60_000);
    expect(routed(world)).toBe(494);
    expect(excluded(world)).toHaveLength(6);
    await world.stop();
  });

  it('keeps an excluded app out without asking again, while others change and poll after poll comes', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/bad', 1, 'bad'), scriptedApp('/good')];
    world.refuses = byLine();
    await started(world);
    const before = world.calls.get('validate') ?? 0;
    world.hint('all', 'poll');
    await world.clock.advance(30_000);
    expect(world.calls.get('validate')).toBe(before);
    world.apps = [scriptedApp('/bad', 2, 'bad'), scriptedApp('/good', 2)];
    world.hint('all', 'poll');
    await world.clock.advance(30_000);
    expect(world.calls.get('validate')).toBe(before + 1);
    expect(excluded(world)).toEqual(['/bad']);
    await world.stop();
  });

  it('takes an app back at once when its definition changes', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/app', 1, 'bad'), scriptedApp('/good')];
    world.refuses = byLine();
    await started(world);
    world.apps = [scriptedApp('/app'), scriptedApp('/good')];
    world.hint(['/app' as AppId]);
    await world.clock.advance(1_000);
    expect(routed(world)).toBe(2);
    expect(excluded(world)).toEqual([]);
    await world.stop();
  });

  it('tries again by itself after ten minutes', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/app', 1, 'bad'), scriptedApp('/good')];
    world.refuses = byLine();
    await started(world);
    world.refuses = () => [];
    for (let n = 0; n < 19; n += 1) {
      world.hint('all', 'poll');
      await world.clock.advance(30_000);
    }
    expect(routed(world)).toBe(1);
    world.hint('all', 'poll');
    await world.clock.advance(30_000);
    world.hint('all', 'poll');
    await world.clock.advance(30_000);
    expect(routed(world)).toBe(2);
    await world.stop();
  });
});

describe('an app that worked, and asks for something that HAProxy refuses', () => {
  const text = (world: World): string => world.running?.config.files.get('haproxy.cfg') ?? '';
  const serversOf = (world: World, app: string): number =>
    (text(world).split(`backend ${app}_10000\n`)[1]?.split('\nbackend ')[0] ?? '').split('  server ').length - 1;
  const change = async (world: World, apps: ReturnType<typeof many>, ms = 5_000): Promise<void> => {
    world.apps = apps;
    world.hint('all');
    await world.clock.advance(ms);
  };
  const codes = (world: World) => world.store.current().problems.map(({ code, effect }) => `${code} ${effect}`);

  it('keeps its last good definition with its present servers, and says so', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = [scriptedApp('/app'), scriptedApp('/good')];
    await started(world);
    await change(world, [scriptedApp('/app', 1, 'bad'), scriptedApp('/good')]);
    expect(routed(world)).toBe(2);
    expect(codes(world)).toEqual(['Quarantined value-ignored']);
    await change(world, [scriptedApp('/app', 3, 'bad'), scriptedApp('/good', 2)]);
    expect([serversOf(world, 'app'), serversOf(world, 'good')]).toEqual([3, 2]);
    expect(text(world)).not.toContain('bad');
    expect(world.of('app-quarantined')).toMatchObject([
      { app: '/app', keeps: 'last-good', label: 'HAPROXY_0_BAD', message: "unknown keyword in '# bad'" },
    ]);
    await world.stop();
  });

  it('is served as it asks once that can be, and told so', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = many(3);
    await started(world);
    await change(world, many(3, [1]));
    await change(world, [...many(3).slice(0, 1), scriptedApp('/app-0001', 1, 'fine'), ...many(3).slice(2)], 1_500);
    expect(text(world)).toContain('# fine');
    expect(codes(world)).toEqual([]);
    expect(world.of('app-released').map(({ app }) => app)).toEqual(['/app-0001']);
    await world.stop();
  });

  it.each([
    ['all named at once', byLine(), 2],
    ['named one by one', byLine(1), 4],
    ['none of them named', wordless, 4],
  ])('three of 2,000, %s, cost at most four validations', async (_, refuses, most) => {
    const world = createWorld();
    world.apps = many(2_000);
    await started(world);
    world.refuses = refuses;
    const before = world.calls.get('validate') ?? 0;
    world.apps = many(2_000, [7, 900, 1_999]);
    world.hint('all');
    await world.clock.advance(1_500);
    expect((world.calls.get('validate') ?? 0) - before).toBeLessThanOrEqual(most);
    expect(excluded(world)).toEqual(['/app-0007', '/app-0900', '/app-1999']);
    expect(routed(world)).toBe(2_000);
    expect(world.running?.config.digest).not.toContain('bad');
    await world.stop();
  });

  it('costs those that changed with it no more than the search', async () => {
    const world = createWorld();
    world.apps = many(50);
    await started(world);
    world.refuses = wordless;
    const relabelled = many(50, [33]).map((app, n) => (n === 33 ? app : scriptedApp(app.id, 1, `fine-${n}`)));
    await change(world, relabelled, 60_000);
    expect(excluded(world)).toEqual(['/app-0033']);
    expect(text(world).split('# fine-').length - 1).toBe(49);
    const asked = world.calls.get('validate') ?? 0;
    await world.clock.advance(60_000);
    expect(world.calls.get('validate')).toBe(asked);
    await world.stop();
  });

  it('keeps others waiting for two slow checks at most, and is found all the same', async () => {
    const world = createWorld();
    world.apps = many(40);
    await started(world);
    world.refuses = wordless;
    world.takes = { validate: 400 };
    const relabelled = [scriptedApp('/app-0000', 1, 'fine'), ...many(40, [7, 30]).slice(1)];
    const before = world.calls.get('validate') ?? 0;
    const passes = world.of('pass-finished').length;
    world.apps = relabelled;
    world.hint('all');
    while (world.of('pass-finished').length === passes) await world.clock.advance(50);
    expect((world.calls.get('validate') ?? 0) - before).toBe(2);
    expect(excluded(world)).toEqual(['/app-0000', '/app-0007', '/app-0030']);
    await world.clock.advance(60_000);
    expect(excluded(world)).toEqual(['/app-0007', '/app-0030']);
    expect(text(world)).toContain('# fine');
    expect([...world.saved.quarantined.values()].map(({ suspected }) => suspected)).toEqual([undefined, undefined]);
    expect((world.calls.get('validate') ?? 0) - before).toBeLessThanOrEqual(12);
    await world.stop();
  });

  it('survives a restart by what the life before has saved', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = many(3);
    await started(world);
    await change(world, many(3, [1]));
    await world.stop();
    const next = createWorld();
    next.refuses = byLine();
    next.saved = world.saved;
    next.apps = [...many(3, [1]), scriptedApp('/new')];
    await started(next);
    expect(routed(next)).toBe(4);
    expect(text(next)).not.toContain('bad');
    expect(next.calls.get('validate')).toBe(1);
    expect(next.store.current().problems).toEqual(world.store.current().problems);
    await next.stop();
  });

  it('that came up while nobody looked is held by its saved definition, too', async () => {
    const world = createWorld();
    world.apps = many(3);
    await started(world);
    await world.stop();
    const next = createWorld();
    next.refuses = wordless;
    next.saved = world.saved;
    next.apps = many(3, [2]);
    await started(next);
    expect(routed(next)).toBe(3);
    expect(codes(next)).toEqual(['Quarantined value-ignored']);
    expect(next.calls.get('validate')).toBe(2);
    await next.stop();
  });

  it('is left out where its last good form is refused as well', async () => {
    const world = createWorld();
    world.apps = many(3);
    world.refuses = byLine();
    await started(world);
    await change(world, many(3, [1]));
    world.refuses = (config) =>
      [...(config.files.get('haproxy.cfg') ?? '').split('\n').entries()].flatMap(([at, line]): Diagnostic[] =>
        line.includes('bad') || line.startsWith('backend app-0001')
          ? [{ severity: 'alert', line: at + 1, message: 'refused' }]
          : [],
      );
    await change(world, [...many(3, [1]).slice(0, 1), scriptedApp('/app-0001', 2, 'bad'), ...many(3).slice(2)]);
    expect(codes(world)).toEqual(['Quarantined app-excluded']);
    expect(routed(world)).toBe(2);
    await world.stop();
  });

  it('blames nobody where even what runs is refused now', async () => {
    const world = createWorld();
    world.apps = many(3);
    await started(world);
    const good = world.running;
    world.refuses = () => [{ severity: 'alert', message: 'a file is gone' }];
    await change(world, [scriptedApp('/app-0000', 1, 'fine'), ...many(3).slice(1)], 20_000);
    expect(world.running).toEqual(good);
    expect(excluded(world)).toEqual([]);
    await world.stop();
  });

  it('waits, and keeps nobody waiting, while nothing can be checked', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = many(3);
    await started(world);
    await change(world, many(3, [1]));
    world.fault = (call) => (call === 'validate' ? 'fail' : undefined);
    await change(world, [...many(3).slice(0, 1), scriptedApp('/app-0001', 1, 'fine'), ...many(3).slice(2)], 20_000);
    expect(codes(world)).toEqual(['Quarantined value-ignored']);
    expect(world.running?.config.digest).not.toContain('fine');
    world.fault = () => undefined;
    await world.clock.advance(30_000);
    expect(codes(world)).toEqual([]);
    await world.stop();
  });

  it('leaves the quarantine with the app', async () => {
    const world = createWorld();
    world.refuses = byLine();
    world.apps = many(3);
    await started(world);
    await change(world, many(3, [1]));
    await change(world, [...many(3).slice(0, 1), ...many(3).slice(2)]);
    world.hint('all');
    await world.clock.advance(5_000);
    expect(codes(world)).toEqual([]);
    expect(world.saved.quarantined.size).toBe(0);
    await world.stop();
  });
});

describe('a configuration that is refused as a whole', () => {
  const broken = (config: RenderedConfig): readonly Diagnostic[] =>
    (config.files.get('haproxy.cfg') ?? '').includes('# broken')
      ? [{ severity: 'alert', line: 2, message: 'unknown keyword' }]
      : [];

  it('keeps the last good one, excludes nobody, and recovers when the cause is gone', async () => {
    const world = createWorld();
    world.apps = many(20);
    world.refuses = broken;
    await started(world);
    const good = world.running;
    world.head = 'broken';
    world.store.emit({ type: 'templates-loaded', overridden: ['global'] });
    await world.clock.advance(60_000);
    expect(world.running).toEqual(good);
    expect(excluded(world)).toEqual([]);
    // The templates before are in force again, and apps come and go with them.
    expect(world.of('template-refused').map(({ failure }) => failure)).toEqual([
      { file: 'global.hbs', message: 'HAProxy refuses what it makes: unknown keyword' },
    ]);
    expect(world.store.current().applyFailing).toBeUndefined();
    const asked = world.calls.get('validate') ?? 0;
    world.apps = [...many(20), scriptedApp('/new')];
    world.hint(['/new']);
    await world.clock.advance(5_000);
    expect(world.running?.config.files.get('haproxy.cfg')).toContain('backend new_');
    expect(world.calls.get('validate')).toBe(asked + 1);
    world.head = 'mended';
    world.store.emit({ type: 'templates-loaded', overridden: ['global'] });
    await world.clock.advance(2_000);
    expect(world.running?.config.digest).toBe(world.desired().digest);
    expect(world.store.current().applyFailing).toBeUndefined();
    await world.stop();
  });

  it('does not blame apps for a template that breaks every backend', async () => {
    const world = createWorld();
    world.apps = many(5);
    await started(world);
    const good = world.running;
    // Each backend's line is refused from now on, though no app has changed; one app has scaled meanwhile.
    world.refuses = (config) =>
      (config.files.get('haproxy.cfg') ?? '')
        .split('\n')
        .flatMap((text, index): readonly Diagnostic[] =>
          text.startsWith('backend') ? [{ severity: 'alert', line: index + 1, message: 'refused' }] : [],
        );
    world.apps = [scriptedApp('/app-0000', 2), ...many(5).slice(1)];
    world.head = 'two';
    world.store.emit({ type: 'templates-loaded', overridden: ['backend'] });
    world.hint('all');
    await world.clock.advance(60_000);
    expect(world.running).toEqual(good);
    expect(excluded(world)).toEqual([]);
    await world.stop();
  });

  it('does not blame unchanged apps for a template that breaks only some of them', async () => {
    const world = createWorld();
    world.apps = many(5);
    await started(world);
    const good = world.running;
    world.refuses = (config) =>
      (config.files.get('haproxy.cfg') ?? '')
        .split('\n')
        .flatMap((text, index): readonly Diagnostic[] =>
          /^backend app-000[012]/.test(text) ? [{ severity: 'alert', line: index + 1, message: 'refused' }] : [],
        );
    world.head = 'two';
    world.store.emit({ type: 'templates-loaded', overridden: ['backend'] });
    await world.clock.advance(60_000);
    expect(world.running).toEqual(good);
    expect(excluded(world)).toEqual([]);
    await world.stop();
  });

  it('searches once, then only asks again at the pace of the back-off', async () => {
    const world = createWorld();
    world.refuses = broken;
    world.head = 'broken';
    world.apps = many(64);
    await started(world);
    const before = world.calls.get('validate') ?? 0;
    await world.clock.advance(600_000);
    expect((world.calls.get('validate') ?? 0) - before).toBeLessThanOrEqual(100);
    await world.stop();
  });

  it('never leaves out everything that serves', async () => {
    const world = createWorld();
    world.apps = [scriptedApp('/only')];
    world.refuses = byLine();
    await started(world);
    const good = world.running;
    world.apps = [scriptedApp('/only', 1, 'bad')];
    world.hint('all');
    await world.clock.advance(30_000);
    expect(world.running).toEqual(good);
    await world.stop();
  });
});
