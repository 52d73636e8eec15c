import { describe, expect, it } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { createHints } from '../../../src/daemon/hints.ts';
import { createKeptRefusal } from '../../../src/daemon/kept-refusal.ts';
import { createPace } from '../../../src/daemon/pace.ts';
import { backoffMs, TIMINGS } from '../../../src/daemon/timings.ts';

const at = (ms: number): Instant => ms as Instant;

function rig(random = 0.5, timings = TIMINGS) {
  const hints = createHints();
  const pace = createPace(hints, timings, () => random);
  const hint = (ms: number, id = '/a') => hints.add({ scope: [id as AppId], reason: 'test', at: at(ms) }, at(ms));
  return { hints, pace, hint };
}

describe('when a pass is due', () => {
  it('never, without hint or failure', () => {
    expect(rig().pace.due()).toBeUndefined();
  });

  it('at once for the first hint from idle, after a pause for a hint close to a pass', () => {
    const { pace, hint, hints } = rig();
    pace.succeeded(at(0), false, 10);
    hint(5_000);
    expect(pace.due()).toBe(5_000);
    hints.take(at(5_000));
    pace.succeeded(at(5_010), false, 10);
    hint(5_020);
    expect(pace.due()).toBe(5_020 + TIMINGS.settleMs);
  });

  it('after a longer pause the costlier the pass before was, but not later than the longest quiet time', () => {
    const { pace, hint, hints } = rig();
    const pauses = [1, 20, 100, 5_000].map((ms, n) => {
      pace.succeeded(at(10_000 * n), false, ms);
      hint(10_000 * n);
      const pause = (pace.due() ?? 0) - 10_000 * n;
      hints.take(at(10_000 * n));
      return pause;
    });
    expect(pauses).toEqual([30, 40, 200, 240]);
  });

  it('after a longer pause the more reloads there were just before, and at once again after a rest', () => {
    const { pace, hint, hints } = rig();
    const pauses: number[] = [];
    let now = 1_000;
    for (let n = 0; n < 6; n += 1) {
      pace.succeeded(at(now), true, 10);
      hint(now);
      const due = pace.due() ?? 0;
      pauses.push(due - now);
      hints.take(at(due));
      now = due;
    }
    expect(pauses).toEqual([30, 60, 120, 240, 240, 240]);
    now += 20_000;
    pace.succeeded(at(now), false, 10);
    hint(now + 10);
    expect((pace.due() ?? 0) - now).toBe(10 + TIMINGS.settleMs);
  });

  it('at once for changes a second apart, and a few times a second while hints keep coming', () => {
    const { pace, hint, hints } = rig();
    let now = 1_000;
    const follow = (hinted: number): number => {
      hint(hinted);
      const due = Math.max(hinted, pace.due() ?? 0);
      hints.take(at(due));
      pace.succeeded(at(due + 5), false, 5);
      return due;
    };
    pace.succeeded(at(now), false, 5);
    for (let n = 0; n < 100; n += 1) {
      // A change comes as several events, some hundred milliseconds apart.
      now += 250;
      expect(follow(now)).toBe(now);
    }
    let passes = 0;
    const end = now + 60_000;
    while (now < end) {
      now = follow(now) + 10;
      passes += 1;
    }
    const perSecond = 1_000 / TIMINGS.passes.everyMs;
    expect(passes).toBeLessThanOrEqual(TIMINGS.passes.burst + perSecond * 61);
    expect(passes).toBeGreaterThan(perSecond * 50);
    now += 20_000;
    expect(follow(now)).toBe(now);
  });

  describe('while hints keep coming', () => {
    /** Milliseconds from pass to pass, once nothing is left of the few that may come in a row. */
    function distance(apps: number, hurried = false): number {
      const { pace, hint, hints } = rig();
      let [now, before] = [1_000, 0];
      for (let n = 0; n < 100; n += 1) {
        for (let id = 0; id < apps; id += 1) hint(now + 1, `/${id}`);
        if (hurried) pace.hurry();
        before = now;
        now = pace.due() ?? 0;
        pace.begins(hints.take(at(now)).scope);
        pace.succeeded(at(now), false, 5);
      }
      return now - before;
    }

    it('takes more time where many apps are looked at, and soon comes where a last server is about to go', () => {
      expect(distance(1)).toBe(TIMINGS.passes.everyMs);
      expect(distance(TIMINGS.fewApps)).toBe(TIMINGS.passes.everyMs);
      expect(distance(TIMINGS.fewApps + 1)).toBe(TIMINGS.manyWeigh * TIMINGS.passes.everyMs);
      expect(distance(20, true)).toBe(TIMINGS.hurriedMs);
    });

    it('does not wait for the end of a burst where a last server is about to go', () => {
      const { pace, hint } = rig();
      pace.succeeded(at(1_000), false, 100);
      for (let ms = 1_001; ms < 1_060; ms += 1) hint(ms);
      expect(pace.due()).toBe(1_059 + 200);
      pace.hurry();
      expect(pace.due()).toBe(1_000 + TIMINGS.hurriedMs);
    });

    it('hurries one pass only', () => {
      const { pace, hint, hints } = rig();
      const pass = (now: number) => {
        hint(now);
        const due = pace.due() ?? 0;
        pace.begins(hints.take(at(due)).scope);
        pace.succeeded(at(due), false, 5);
        return due;
      };
      let now = 1_000;
      for (let n = 0; n < 50; n += 1) now = pass(now + 1);
      pace.hurry();
      const hurried = pass(now + 1);
      expect(hurried - now).toBe(TIMINGS.hurriedMs);
      expect(pass(hurried + 1) - hurried).toBeGreaterThan(TIMINGS.hurriedMs);
    });
  });

  describe('for what may wait', () => {
    const wait = ({ hints, pace }: ReturnType<typeof rig>, ms: number, id: string) => {
      const until = pace.patience(at(ms));
      const hint = { scope: [id as AppId], reason: 'may wait', at: at(ms) };
      if (until === undefined) hints.add(hint, at(ms));
      else hints.defer(hint, until);
    };
    /** One pass after the other until less than half of the few in a row are left; gives the end of the last one. */
    function busy({ pace, hint, hints }: ReturnType<typeof rig>): number {
      let now = 1_000;
      for (let n = 0; n < 6; n += 1) {
        hint(now + 1);
        now += 2;
        hints.take(at(now));
        pace.succeeded(at(now), false, 1);
      }
      return now;
    }

    it('is as for anything else while there were few passes', () => {
      const stage = rig();
      stage.pace.succeeded(at(0), false, 10);
      wait(stage, 5_000, '/a');
      expect(stage.pace.due()).toBe(5_000);
      expect(stage.hints.take(at(5_000)).scope).toEqual(['/a']);
    });

    it('waits while much happens, for so long and no longer, though no other hint comes', () => {
      const stage = rig();
      const now = busy(stage);
      wait(stage, now + 1, '/a');
      wait(stage, now + 9, '/a');
      expect(stage.pace.due()).toBe(now + 1 + TIMINGS.patienceMs);
      expect(stage.hints.take(at(now + 100))).toMatchObject({ reasons: ['retry'], scope: [] });
      const due = at(now + 1 + TIMINGS.patienceMs);
      // Nothing was to be seen of it before: it has not waited for traffic.
      expect(stage.hints.take(due)).toEqual({ reasons: ['may wait'], scope: ['/a'], since: due });
      expect(stage.pace.due()).toBeUndefined();
    });

    it('does not hold up what cannot wait, and is answered with it where that is about the same app, or about all', () => {
      const stage = rig();
      const now = busy(stage);
      for (const id of ['/a', '/b', '/c']) wait(stage, now + 1, id);
      stage.hint(now + 2, '/b');
      expect(stage.pace.due()).toBeLessThan(now + 1_000);
      expect(stage.hints.take(at(now + 300)).scope).toEqual(['/b']);
      expect(stage.hints.deferredUntil()).toBe(now + 1 + TIMINGS.patienceMs);
      stage.hints.add({ scope: 'all', reason: 'poll', at: at(now + 400) }, at(now + 400));
      expect(stage.hints.take(at(now + 400)).scope).toBe('all');
      expect(stage.hints.deferredUntil()).toBeUndefined();
    });

    it('keeps the distance between passes, and waits for a back-off as hints do', () => {
      const stage = rig();
      const now = busy(stage);
      wait(stage, now + 1, '/a');
      for (let n = 0; n < 40; n += 1) stage.pace.succeeded(at(now + TIMINGS.patienceMs), false, 1);
      expect(stage.pace.due()).toBeGreaterThan(now + 1 + TIMINGS.patienceMs);
      stage.pace.failed(at(now + 60_000));
      expect(stage.pace.due()).toBeGreaterThan(now + 60_000);
    });

    it('ends when the passes have rested', () => {
      const stage = rig();
      const now = busy(stage);
      expect(stage.pace.patience(at(now + 1))).toBe(now + 1 + TIMINGS.patienceMs);
      expect(stage.pace.patience(at(now + TIMINGS.passes.everyMs))).toBeUndefined();
    });
  });

  it('after the burst, but not later than the longest delay', () => {
    const { pace, hint, hints } = rig();
    for (let ms = 0; ms <= 3_000; ms += TIMINGS.settleMs / 2) hint(ms);
    expect(pace.due()).toBe(TIMINGS.leastDelayMs);
    hints.take(at(4_000));
    pace.succeeded(at(4_000), false, 2_000);
    for (let ms = 4_010; ms <= 8_000; ms += TIMINGS.settleMs / 2) hint(ms);
    expect(pace.due()).toBe(4_010 + TIMINGS.maxDelayMs);
  });

  it('after a failure by itself, with growing pauses, and earlier for a hint', () => {
    const { pace, hint } = rig(0.999);
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8].map(() => {
      pace.failed(at(0));
      return pace.due();
    });
    expect(pauses).toEqual([200, 400, 799, 1_598, 3_197, 6_394, 12_787, 14_985]);
    hint(10);
    expect(pace.due()).toBe(TIMINGS.hintFloorMs);
    pace.succeeded(at(600), false, 10);
    pace.failed(at(1_000));
    expect(pace.due()).toBe(1_200);
  });

  it('for a reload that failed at its time, for hints sooner, and what only waits for it does not put it off', () => {
    const { pace, hint, hints } = rig();
    pace.failed(at(0), { until: at(15_000), tried: true });
    expect(pace.due()).toBe(15_000);
    hint(10);
    expect(pace.due()).toBe(TIMINGS.reloadHintFloorMs);
    hints.take(at(2_000));
    pace.failed(at(2_010), { until: at(15_000), tried: false });
    expect(pace.due()).toBe(15_000);
    hint(3_000);
    expect(pace.due()).toBe(3_000);
    hints.take(at(3_000));
    pace.succeeded(at(3_010), false, 10);
    expect(pace.due()).toBeUndefined();
    hint(5_000);
    hints.take(at(5_000));
    pace.failed(at(5_010), { until: at(15_000), tried: false });
    expect(pace.due()).toBe(15_000);
  });

  it('keeps a distance between reloads: a short one for a few, a longer one while they keep coming', () => {
    const { pace, hint, hints } = rig(0.5, { ...TIMINGS, settleMs: 0, settleMaxMs: 0 });
    const gaps: number[] = [];
    let now = 10_000;
    pace.succeeded(at(now), true, 10);
    for (let n = 0; n < 8; n += 1) {
      hint(now + 1);
      expect(pace.due()).toBe(now + 1);
      hints.take(at(now + 1));
      pace.waits(at(now + 2), pace.reloadFrom(), 10);
      const due = pace.due() ?? 0;
      gaps.push(due - now);
      pace.succeeded(at(due), true, 10);
      now = due;
    }
    expect(gaps).toEqual([100, 100, 100, 100, 600, 1_000, 1_000, 1_000]);
    hints.take(at(now));
    hint(now + 60_000);
    hints.take(at(now + 60_000));
    expect(pace.reloadFrom()).toBeLessThan(now + 60_000);
    pace.succeeded(at(now + 60_000), true, 10);
    expect(pace.reloadFrom() - now - 60_000).toBe(100);
  });
});

describe('back-off', () => {
  it('stays within its bounds for every stroke of luck', () => {
    for (let failures = 0; failures < 100; failures += 1) {
      for (const random of [0, 0.5, 0.999999]) {
        const ms = backoffMs(TIMINGS.backoff, failures, random);
        expect(ms).toBeGreaterThanOrEqual(50);
        expect(ms).toBeLessThanOrEqual(15_000);
      }
    }
  });
});

describe('a reload that failed', () => {
  const configOf = (bind: string): RenderedConfig => ({
    files: new Map([['haproxy.cfg', `global\nfrontend a\n  ${bind}\n`]]),
    owners: [],
    digest: bind,
  });
  const failure = { kind: 'reload-failed', detail: 'cannot bind', diagnostics: [] } as const;

  it('waits at least half of its back-off, and all that asks for the same listeners with it', () => {
    const refusal = createKeptRefusal(TIMINGS, () => 0);
    const [taken, other] = [configOf('bind 127.0.0.1:1'), configOf('bind 127.0.0.1:2')];
    expect(refusal.holds(taken, at(0))).toBeUndefined();
    const waits = [1, 2, 3, 4, 5, 6, 7].map(() => refusal.failed(taken, failure, at(0)));
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(refusal.holds(taken, at(14_999))).toMatchObject({ failure, until: 15_000 });
    expect(refusal.holds({ ...taken, digest: 'more servers' }, at(10))?.until).toBe(15_000);
    expect(refusal.holds(other, at(10))).toBeUndefined();
    expect(refusal.holds(taken, at(15_000))).toBeUndefined();
    refusal.succeeded();
    expect(refusal.failed(taken, failure, at(0))).toBe(500);
  });

  it('is only one that HAProxy refused: a full disk pauses nobody', () => {
    const refusal = createKeptRefusal(TIMINGS, () => 0);
    expect(refusal.failed(configOf('bind :1'), { kind: 'disk', detail: 'ENOSPC' }, at(0))).toBeUndefined();
    expect(refusal.holds(configOf('bind :1'), at(0))).toBeUndefined();
  });
});

describe('hints', () => {
  it('join into one cause: apps by name, everything above all, the oldest time', () => {
    const hints = createHints();
    const add = (scope: 'all' | readonly string[], reason: string, ms: number) =>
      hints.add({ scope: scope === 'all' ? scope : scope.map((id) => id as AppId), reason, at: at(ms) }, at(ms));
    add(['/b'], 'event', 20);
    add(['/a', '/b'], 'event', 10);
    expect(hints.take(at(30))).toEqual({ reasons: ['event'], scope: ['/b', '/a'], since: 10 });
    add(['/b'], 'event', 40);
    add('all', 'poll', 50);
    add(['/c'], 'event', 60);
    expect(hints.take(at(70))).toEqual({ reasons: ['event', 'poll'], scope: 'all', since: 40 });
    expect(hints.burst()).toBeUndefined();
  });

  it('keep what a failed pass gives back, without hurry', () => {
    const hints = createHints();
    hints.putBack({ reasons: ['poll'], scope: 'all', since: at(5) }, []);
    expect(hints.burst()).toBeUndefined();
    hints.add({ scope: ['/a' as AppId], reason: 'event', at: at(9) }, at(9));
    expect(hints.take(at(10))).toEqual({ reasons: ['poll', 'event'], scope: ['/a'], since: 5 });
  });

  it('keep few reasons, however many come', () => {
    const hints = createHints();
    for (let n = 0; n < 100; n += 1) hints.add({ scope: [], reason: `r${n}`, at: at(n) }, at(n));
    expect(hints.take(at(100)).reasons).toHaveLength(20);
  });
});
