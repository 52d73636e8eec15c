import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Instant } from '../../src/core/app.ts';
import { buildRoutingTable, createBuilder } from '../../src/core/build.ts';
import { NO_MEMORY } from '../../src/core/memory.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import { type ConfigCheck, createConfigCheck } from '../support/config-check.ts';
import { apps } from '../support/hostile-apps.ts';
import { createPlayedMarathon, type Move, sequence } from '../support/sequences.ts';

let check: ConfigCheck;
beforeAll(async () => {
  check = await createConfigCheck();
});
afterAll(() => check.remove());

test('HAProxy takes whatever labels say, without a word', async () => {
  const found = new Map<string, string>();
  for (const list of fc.sample(apps, { numRuns: 40, seed: 20_261_122 })) {
    const snapshot = { takenAt: 0 as Instant, apps: list };
    const { value } = buildRoutingTable(snapshot, check.settings, check.certificates, NO_MEMORY);
    const said = await check.complaints(value);
    if (said !== '') found.set(JSON.stringify(list.map(({ labels }) => [...labels])), said);
  }
  expect(Object.fromEntries(found)).toEqual({});
});

/** Where a sequence of what Marathon says ends. */
function endOf(steps: readonly (readonly Move[])[]): RoutingTable {
  const marathon = createPlayedMarathon();
  let builder = createBuilder();
  let [memory, table] = [NO_MEMORY, { services: [], routes: [], appIds: [], backends: [] } as RoutingTable];
  for (const moves of steps) {
    if (marathon.play(moves)) builder = createBuilder();
    ({ memory, value: table } = builder(marathon.snapshot(), check.settings, check.certificates, memory));
  }
  return table;
}

test('HAProxy takes what three hundred sequences of answers come to, without a word', async () => {
  const found = new Map<string, string>();
  const drawn = fc.sample(sequence, { numRuns: 300, seed: 20_261_126 });
  const queue = drawn.values();
  const judge = async (): Promise<void> => {
    for (const steps of queue) {
      const said = await check.complaints(endOf(steps));
      if (said !== '') found.set(JSON.stringify(steps), said);
    }
  };
  await Promise.all([judge(), judge()]);
  expect(Object.fromEntries(found)).toEqual({});
});
