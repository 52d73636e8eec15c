import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import type { Weights } from '../../../src/core/losses.ts';
import { createShrinkGuard, type ShrinkGuard, type ShrinkLimits } from '../../../src/core/shrink-guard.ts';
import '../../support/property-seed.ts';

const LIMITS: ShrinkLimits = { share: 30, routes: 5, holdMs: 60_000, answers: 3 };

const ids = (count: number, from = 0): readonly AppId[] =>
  Array.from({ length: count }, (_, n) => `/a${String(from + n).padStart(3, '0')}` as AppId);
const each = (apps: readonly AppId[], weight = 1): Weights => new Map(apps.map((app) => [app, weight]));

interface Look {
  readonly lost?: readonly AppId[];
  readonly weights?: Weights;
  readonly empty?: boolean;
  readonly fresh?: boolean;
  readonly shows?: readonly AppId[];
  readonly explained?: readonly AppId[];
  readonly contradicted?: readonly AppId[];
  readonly witnessed?: boolean;
  readonly accepted?: boolean;
  readonly at?: number;
}

function look(guard: ShrinkGuard, more: Look) {
  const has = (list: readonly AppId[] | undefined) => (app: AppId) => list?.includes(app) === true;
  return guard.judge({
    lost: more.lost ?? [],
    weights: more.weights ?? new Map(),
    empty: more.empty ?? false,
    fresh: more.fresh ?? true,
    shows: has(more.shows),
    explained: has(more.explained),
    contradicted: has(more.contradicted),
    witnessed: more.witnessed ?? true,
    accepted: more.accepted ?? false,
    now: (more.at ?? 0) as Instant,
  });
}

describe('one answer', () => {
  const cases: readonly [string, Look, string, Partial<ShrinkLimits>?][] = [
    ['nothing is lost', { weights: each(ids(10)) }, 'pass'],
    ['nothing runs that could be lost', { lost: ids(10), empty: true }, 'pass'],
    ['what is lost serves nobody', { lost: ids(10), weights: each(ids(10, 100)) }, 'pass'],
    ['one of a hundred', { lost: ids(1), weights: each(ids(100)) }, 'pass'],
    ['30 of a hundred are the share, and not over it', { lost: ids(30), weights: each(ids(100)) }, 'pass'],
    ['31 of a hundred', { lost: ids(31), weights: each(ids(100)) }, 'share'],
    ['half of a hundred', { lost: ids(50), weights: each(ids(100)) }, 'share'],
    ['all of a hundred, though the list has others', { lost: ids(100), weights: each(ids(100)) }, 'everything'],
    ['all of a hundred, and the list is empty', { lost: ids(100), weights: each(ids(100)), empty: true }, 'empty-list'],
    ['five of ten are over the share, but no more than may go', { lost: ids(5), weights: each(ids(10)) }, 'pass'],
    ['six of ten', { lost: ids(6), weights: each(ids(10)) }, 'share'],
    ['six of six', { lost: ids(6), weights: each(ids(6)) }, 'everything'],
    ['all of five, though the list has others', { lost: ids(5), weights: each(ids(5)) }, 'pass'],
    ['all of five, and the list is empty', { lost: ids(5), weights: each(ids(5)), empty: true }, 'empty-list'],
    ['the only one, and the list is empty', { lost: ids(1), weights: each(ids(1)), empty: true }, 'empty-list'],
    [
      'one app with 90 hosts of 200',
      { lost: ids(1), weights: new Map([...each(ids(1), 90), ...each(ids(110, 1))]) },
      'share',
    ],
    ['half, and all of it explained', { lost: ids(50), weights: each(ids(100)), explained: ids(50) }, 'pass'],
    [
      'everything, and all of it explained',
      { lost: ids(50), weights: each(ids(50)), explained: ids(50), empty: true },
      'pass',
    ],
    ['half, and all but 30 explained', { lost: ids(50), weights: each(ids(100)), explained: ids(20) }, 'pass'],
    ['half, and all but 31 explained', { lost: ids(50), weights: each(ids(100)), explained: ids(19) }, 'share'],
    [
      'an empty list with one of 50 unexplained',
      { lost: ids(50), weights: each(ids(50)), explained: ids(49), empty: true },
      'empty-list',
    ],
    ['half, and an operator agrees beforehand', { lost: ids(50), weights: each(ids(100)), accepted: true }, 'pass'],
    ['half, with a share of 60', { lost: ids(50), weights: each(ids(100)) }, 'pass', { share: 60 }],
    ['ten of a hundred, with a share of 5', { lost: ids(10), weights: each(ids(100)) }, 'share', { share: 5 }],
    ['ten of eleven, with 10 routes that may go', { lost: ids(10), weights: each(ids(11)) }, 'pass', { routes: 10 }],
    ['everything, with the guard off', { lost: ids(100), weights: each(ids(100)), empty: true }, 'pass', { holdMs: 0 }],
  ];
  for (const [name, question, expected, limits] of cases) {
    test(`${name}: ${expected}`, () => {
      const verdict = look(createShrinkGuard({ ...LIMITS, ...limits }), question);
      expect(verdict.kind === 'hold' ? verdict.hold.because : verdict.kind).toBe(expected);
    });
  }
});

describe('what is held', () => {
  const HALF = { lost: ids(50), weights: each(ids(100)) };

  test('is what is not explained, with its numbers', () => {
    const guard = createShrinkGuard(LIMITS);
    const verdict = look(guard, { ...HALF, explained: ids(10), at: 5 });
    expect(verdict).toEqual({
      kind: 'hold',
      apps: new Set(ids(40, 10)),
      hold: {
        since: 5,
        until: 60_005,
        lost: 40,
        of: 100,
        apps: ids(20, 10),
        appCount: 40,
        answers: 1,
        because: 'share',
      },
    });
    expect(guard.current()).toEqual(verdict.kind === 'hold' ? verdict.hold : undefined);
  });

  test('is believed after so many equal answers and so long, not before', () => {
    const guard = createShrinkGuard(LIMITS);
    for (const at of [0, 20_000, 40_000, 59_999]) expect(look(guard, { ...HALF, at }).kind).toBe('hold');
    expect(look(guard, { ...HALF, at: 60_000 })).toEqual({
      kind: 'pass',
      ended: { how: 'repeated', lost: 50, ms: 60_000 },
    });
    expect(guard.current()).toBeUndefined();
  });

  test('is not believed for the time alone: answers have to come', () => {
    const guard = createShrinkGuard(LIMITS);
    look(guard, HALF);
    expect(look(guard, { ...HALF, at: 100_000, fresh: false }).kind).toBe('hold');
    expect(look(guard, { ...HALF, at: 100_001 }).kind).toBe('hold');
    expect(look(guard, { ...HALF, at: 100_002 }).kind).toBe('pass');
  });

  test('is not believed before others had their say', () => {
    const guard = createShrinkGuard(LIMITS);
    for (const at of [0, 30_000, 60_000, 90_000])
      expect(look(guard, { ...HALF, at, witnessed: false }).kind).toBe('hold');
    expect(look(guard, { ...HALF, at: 90_000, fresh: false }).kind).toBe('pass');
  });

  test('has to repeat anew when another answer lacks other apps', () => {
    const guard = createShrinkGuard(LIMITS);
    look(guard, HALF);
    look(guard, { ...HALF, at: 30_000 });
    expect(look(guard, { ...HALF, lost: ids(50, 1), at: 60_000 })).toMatchObject({
      hold: { since: 60_000, answers: 1 },
    });
    for (const at of [80_000, 100_000]) expect(look(guard, { ...HALF, lost: ids(50, 1), at }).kind).toBe('hold');
    expect(look(guard, { ...HALF, lost: ids(50, 1), at: 120_000 }).kind).toBe('pass');
  });

  test('goes on repeating when some of it is explained meanwhile', () => {
    const guard = createShrinkGuard(LIMITS);
    look(guard, HALF);
    expect(look(guard, { ...HALF, explained: ids(3), fresh: false, at: 10 })).toMatchObject({
      hold: { lost: 47, since: 0 },
    });
    look(guard, { ...HALF, lost: ids(47, 3), at: 30_000 });
    expect(look(guard, { ...HALF, lost: ids(47, 3), at: 60_000 }).kind).toBe('pass');
  });

  test('is not believed while somebody shows one of the apps, and has to repeat afterwards', () => {
    const guard = createShrinkGuard(LIMITS);
    for (const at of [0, 20_000, 40_000, 60_000, 80_000]) {
      expect(look(guard, { ...HALF, contradicted: ids(1), at }).kind).toBe('hold');
    }
    for (const at of [100_000, 120_000, 139_999]) expect(look(guard, { ...HALF, at }).kind).toBe('hold');
    expect(look(guard, { ...HALF, at: 140_000 }).kind).toBe('pass');
  });

  test('ends as soon as enough of it is explained', () => {
    const guard = createShrinkGuard(LIMITS);
    look(guard, HALF);
    expect(look(guard, { ...HALF, explained: ids(19), fresh: false, at: 1 }).kind).toBe('hold');
    expect(look(guard, { ...HALF, explained: ids(20), fresh: false, at: 2 })).toEqual({
      kind: 'pass',
      ended: { how: 'explained', lost: 31, ms: 2 },
    });
  });

  test('ends when the apps are back, and when an operator agrees', () => {
    const guard = createShrinkGuard(LIMITS);
    look(guard, HALF);
    expect(look(guard, { weights: HALF.weights, at: 9 })).toEqual({
      kind: 'pass',
      ended: { how: 'refuted', lost: 50, ms: 9 },
    });
    look(guard, { ...HALF, at: 10 });
    expect(look(guard, { ...HALF, accepted: true, fresh: false, contradicted: ids(1), at: 11 })).toEqual({
      kind: 'pass',
      ended: { how: 'operator', lost: 50, ms: 1 },
    });
  });
});

describe('many small losses', () => {
  test('are one large one when they come close together', () => {
    const guard = createShrinkGuard(LIMITS);
    const left = (from: number) => each(ids(100 - from, from));
    expect(look(guard, { lost: ids(15), weights: left(0), at: 0 }).kind).toBe('pass');
    expect(look(guard, { lost: ids(15, 15), weights: left(15), at: 1_000 }).kind).toBe('pass');
    expect(look(guard, { lost: ids(1, 30), weights: left(30), at: 2_000 })).toMatchObject({
      hold: { lost: 1, of: 100 },
    });
  });

  test('are small when they come one after the other, when they are explained, and when they come back', () => {
    const small = (guard: ShrinkGuard, step: (n: number) => Look) =>
      Array.from(
        { length: 10 },
        (_, n) => look(guard, { lost: ids(5, 5 * n), weights: each(ids(100)), ...step(n) }).kind,
      );
    const passes = Array.from({ length: 10 }, () => 'pass');
    expect(small(createShrinkGuard(LIMITS), (n) => ({ at: n * 30_000 }))).toEqual(passes);
    expect(small(createShrinkGuard(LIMITS), (n) => ({ at: n, explained: ids(50) }))).toEqual(passes);
    expect(small(createShrinkGuard(LIMITS), (n) => ({ at: n, shows: ids(5 * n) }))).toEqual(passes);
    expect(small(createShrinkGuard(LIMITS), (n) => ({ at: n }))).toContain('hold');
  });
});

test('whatever the answers are, no more than the limits goes within the time without having repeated', () => {
  const APPS = ids(20);
  const step = fc.record({ missing: fc.subarray([...APPS]), ms: fc.integer({ min: 0, max: 40_000 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const guard = createShrinkGuard(LIMITS);
      let trusted: readonly AppId[] = APPS;
      let at = 0;
      const missingSince = new Map<AppId, number>();
      let unsaid = new Map<AppId, number>();
      for (const { missing, ms } of steps) {
        at += ms;
        for (const app of APPS) {
          if (!missing.includes(app)) missingSince.delete(app);
          else missingSince.set(app, missingSince.get(app) ?? at);
        }
        const shows = APPS.filter((app) => !missing.includes(app));
        const lost = trusted.filter((app) => missing.includes(app));
        unsaid = new Map([...unsaid].filter(([app, when]) => at - when < LIMITS.holdMs && !shows.includes(app)));
        const of = new Set([...trusted, ...unsaid.keys()]).size;
        const verdict = look(guard, { lost, weights: each(trusted), shows, empty: shows.length === 0, at });
        const held = verdict.kind === 'hold' ? verdict.apps : new Set<AppId>();
        const goes = lost.filter((app) => !held.has(app));
        trusted = APPS.filter((app) => !missing.includes(app) || held.has(app));
        if (verdict.kind === 'pass' && verdict.ended?.how === 'repeated') {
          expect(goes.every((app) => at - (missingSince.get(app) ?? at) >= LIMITS.holdMs)).toBe(true);
          unsaid = new Map();
          continue;
        }
        for (const app of goes) unsaid.set(app, at);
        const within = unsaid.size <= LIMITS.routes || unsaid.size * 100 <= LIMITS.share * of;
        expect(goes.length === 0 || within).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
