import { expect, test } from 'vitest';
import { createRouteWaits, LONGEST_WAIT_MS } from '../../../src/admin/route-waits.ts';
import type { Instant } from '../../../src/core/app.ts';
import { mergeSettings } from '../../../src/core/settings-merge.ts';
import { initialState } from '../../../src/core/state.ts';

const merged = mergeSettings({ flags: new Map(), env: new Map(), file: new Map() });
if (!merged.ok) throw new Error('the defaults do not fit together');
const state = initialState('0', merged.value, 0);

test('a wait is cut down to the longest one, and the number of waiters is bounded', async () => {
  const slept: { ms: number; wake: () => void }[] = [];
  const outcomes: string[] = [];
  const waits = createRouteWaits({
    live: { look: async () => ({ state, servers: [] }), watch: () => () => undefined },
    clock: {
      now: () => 0 as Instant,
      sleep: (ms) => new Promise((resolve) => slept.push({ ms, wake: resolve })),
    },
    metrics: { waitStarted: () => undefined, waitEnded: (outcome) => void outcomes.push(outcome) },
  });
  const gone = new AbortController().signal;
  const all = Array.from({ length: 1001 }, () => waits.ask({ vhost: 'a.example', waitMs: 3_600_000, gone }));
  expect((await all.at(-1))?.kind).toBe('too-many');
  expect(waits.waiting()).toBe(1000);
  expect(new Set(slept.map(({ ms }) => ms))).toEqual(new Set([LONGEST_WAIT_MS]));
  for (const { wake } of slept) wake();
  expect((await Promise.all(all)).filter((answer) => answer.kind === 'answer')).toHaveLength(1000);
  expect(waits.waiting()).toBe(0);
  expect(new Set(outcomes)).toEqual(new Set(['timeout']));
});
