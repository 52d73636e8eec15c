import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { BindTrial } from '../../../src/core/listener.ts';
import type { HaproxyFailure } from '../../../src/core/ports.ts';
import { ok } from '../../../src/core/result.ts';
import { formatBind } from '../../../src/core/settings.ts';
import { withoutBinds } from '../../../src/core/without-binds.ts';
import { createReopening } from '../../../src/daemon/reopening.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const WHOLE: RenderedConfig = {
  files: new Map([['haproxy.cfg', 'frontend a\n  bind 10.0.0.1:80\n  bind 10.0.0.1:81,10.0.0.1:82 ssl\n']]),
  owners: [],
  digest: 'whole',
};
const at = (port: number) => ({ address: '10.0.0.1', port });
const NEVER = new AbortController().signal;

/** HAProxy runs without these; `fate` says what a trial of the others gives, by default that they are free. */
function createStage(...missing: readonly number[]) {
  const clock = createManualClock();
  const fate = new Map<number, BindTrial['outcome']>();
  const events: DaemonEventBody[] = [];
  const tried: string[][] = [];
  let runs = missing.length === 0 ? WHOLE : withoutBinds(WHOLE, missing.map(at));
  let waits: Instant | undefined;
  let failure: HaproxyFailure | undefined;
  let reloads = 0;
  if (runs === undefined) throw new Error('it would listen nowhere');
  const reopening = createReopening({
    clock,
    emit: (event) => events.push(event),
    haproxy: {
      tryBinds: async (binds) => {
        tried.push(binds.map(formatBind));
        return binds.map((bind) => ({ bind, outcome: fate.get(bind.port) ?? 'free' }));
      },
      validate: async (config) => {
        runs = config;
        return ok({ generation: 2 as Generation, warnings: [] });
      },
    },
    budget: {
      waits: async () => waits,
      reloaded: () => {
        reloads += 1;
      },
    },
    running: {
      worker: () => (runs === undefined ? undefined : { generation: 1 as Generation, loaded: runs, published: runs }),
      value: () => ({ known: true, config: runs ?? WHOLE }),
      apply: async () => failure,
    },
  });
  const reopen = () =>
    reopening.reopen({
      cause: { scope: [], reasons: [], since: clock.now() },
      signal: NEVER,
      reloadFrom: clock.now(),
    });
  const set = (to: { readonly waits?: Instant; readonly failure?: HaproxyFailure }) => {
    ({ waits, failure } = { waits: undefined, failure: undefined, ...to });
  };
  const told = () =>
    events.flatMap((event) => (event.type === 'listeners-held' ? [event.held.map(({ bind }) => bind.port)] : []));
  const main = () => runs?.files.get('haproxy.cfg');
  return { clock, fate, reopening, reopen, tried, told, main, set, reloads: () => reloads };
}

test('what is free is listened on again, and what is not stays told', async () => {
  const { fate, reopening, reopen, told, main, clock } = createStage(80, 82);
  fate.set(82, 'taken');
  expect(reopening.wake()).toEqual({ at: 0, scope: [], reason: 'listener' });
  await reopen();
  expect(main()).toBe('frontend a\n  bind 10.0.0.1:80\n  bind 10.0.0.1:81 ssl # held by somebody else: 10.0.0.1:82\n');
  expect(told()).toEqual([[80, 82], [82]]);
  fate.clear();
  await clock.advance(1_000);
  await reopen();
  expect(main()?.split('\n')[2]).toBe('  bind 10.0.0.1:81-82 ssl');
  expect(told().at(-1)).toEqual([]);
  expect(reopening.wake()).toBeUndefined();
});

test('it is tried at growing distances', async () => {
  const { clock, fate, reopening, reopen, tried } = createStage(80);
  fate.set(80, 'taken');
  const pauses: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    await reopen();
    await reopen();
    expect(tried).toHaveLength(n + 1);
    const pause = (reopening.wake()?.at ?? 0) - clock.now();
    pauses.push(pause);
    await clock.advance(pause);
  }
  expect(pauses).toEqual([1, 2, 5, 10, 20, 30, 60, 60].map((s) => s * 1_000));
});

test('a port that outgoing connections may take is taken back, too', async () => {
  const { fate, reopen, main, reloads } = createStage(80);
  fate.set(80, 'ephemeral');
  await reopen();
  expect([main()?.includes('held by'), reloads()]).toEqual([false, 1]);
});

test('it waits while reloads have to, and long after one that failed', async () => {
  const { clock, reopening, reopen, set, main, reloads } = createStage(80);
  set({ waits: (clock.now() + 7_000) as Instant });
  await reopen();
  expect([reopening.wake()?.at, main()?.includes('held by')]).toEqual([clock.now() + 7_000, true]);
  await clock.advance(7_000);
  set({ failure: { kind: 'reload-failed', detail: 'cannot bind', diagnostics: [] } });
  await reopen();
  expect(reloads()).toBe(0);
  reopening.putOff();
  await clock.advance(600_000);
  set({});
  expect(reopening.wake()).toBeUndefined();
});

test('it is put off while HAProxy does not answer', () => {
  const { clock, reopening } = createStage(80);
  reopening.putOff();
  expect(reopening.wake()?.at).toBe(clock.now() + 5_000);
});

test('once Marathon has answered it is for others', async () => {
  const { fate, reopening, reopen, told, tried } = createStage(80);
  fate.set(80, 'taken');
  await reopen();
  reopening.over();
  reopening.over();
  expect(told()).toEqual([[80], []]);
  await reopen();
  expect(tried).toHaveLength(1);
  expect(reopening.wake()).toBeUndefined();
});

test('a HAProxy that lacks nothing is left alone', async () => {
  const { reopening, reopen, told, tried } = createStage();
  await reopen();
  reopening.over();
  expect([reopening.wake(), told(), tried]).toEqual([undefined, [], []]);
});
