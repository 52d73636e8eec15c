import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { Haproxy, Observed, PassCause } from '../../../src/core/ports.ts';
import type { Draft } from '../../../src/daemon/isolate.ts';
import { createKeptRunning } from '../../../src/daemon/kept-running.ts';

const GENERATION = 7 as Generation;
const config = (digest: string): RenderedConfig => ({ files: new Map(), owners: [], digest });
const CAUSE: PassCause = { reasons: ['test'], since: 0 as Instant, scope: [] };

/** What runs, over a HAProxy that has loaded `a` and of which the disk shows what a test says. */
async function rig() {
  const events: DaemonEventBody[] = [];
  let shown: RenderedConfig = config('a');
  const observed = (): Observed => ({ known: true, generation: GENERATION, config: shown, loaded: config('a') });
  const haproxy = {
    start: async () => ({ ok: true, value: observed() }),
    observe: async () => observed(),
    view: async () => ({ up: true, mode: 'managed', oldWorkers: 0 }),
  } as unknown as Haproxy;
  const running = createKeptRunning({ haproxy, clock: { now: () => 0 } as never, emit: (event) => events.push(event) });
  await running.start();
  return {
    running,
    events,
    /** The worker was brought to this over its socket. */
    carry: (digest: string) =>
      running.carried({ table: EMPTY, config: config(digest) } as unknown as Draft, CAUSE, 1, 0),
    show: (digest: string) => {
      shown = config(digest);
    },
    adopted: () => events.filter(({ type }) => type === 'haproxy-up').length,
  };
}

const EMPTY = { services: [], routes: [], appIds: [], backends: [] };

test('an earlier copy of what runs is what the disk shows until the next one is written', async () => {
  const { running, carry, show, adopted } = await rig();
  for (const digest of ['b', 'c', 'd']) {
    carry(digest);
    expect(await running.look(true)).toBe(true);
    running.publishes(digest);
    show(digest);
    expect(await running.look(true)).toBe(true);
  }
  carry('e');
  expect(await running.look(true)).toBe(true);
  expect([running.runs('e'), adopted()]).toEqual([true, 0]);
});

test('a copy that could not be published leaves the one before it on the disk', async () => {
  const { running, carry, show, adopted } = await rig();
  carry('b');
  running.publishes('b');
  show('b');
  for (const digest of ['c', 'd', 'e']) {
    carry(digest);
    running.publishes(digest);
  }
  expect(await running.look(true)).toBe(true);
  expect([running.runs('e'), adopted()]).toEqual([true, 0]);
});

test('what the disk shows and nobody here has published is somebody else’s doing', async () => {
  const { running, carry, show, adopted } = await rig();
  carry('b');
  running.publishes('b');
  show('x');
  expect(await running.look(true)).toBe(true);
  expect([running.runs('x'), adopted()]).toEqual([true, 1]);
});
