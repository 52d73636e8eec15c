import { expect, it } from 'vitest';
import { createComparisons } from '../../../src/daemon/compare-often.ts';
import { createManualClock } from '../../support/manual-clock.ts';

function begin(takes: number) {
  const clock = createManualClock(0);
  const stopper = new AbortController();
  const at: number[] = [];
  const comparisons = createComparisons(clock, 30_000);
  const ended = comparisons.run(async (signal) => {
    at.push(clock.now());
    await clock.sleep(takes, signal);
  }, stopper.signal);
  return { clock, comparisons, at, ended, stop: () => stopper.abort() };
}

it('compares at its distance, whatever else happens', async () => {
  const { clock, at, ended, stop } = begin(2_000);
  await clock.advance(95_000);
  expect(at).toEqual([30_000, 60_000, 90_000]);
  stop();
  await clock.settle();
  await ended;
});

it('compares when it is asked to, and right after the one under way', async () => {
  const { clock, comparisons, at, ended, stop } = begin(2_000);
  await clock.advance(10_000);
  comparisons.soon();
  await clock.advance(1_000);
  comparisons.soon();
  comparisons.soon();
  await clock.advance(35_000);
  expect(at).toEqual([10_000, 12_000, 42_000]);
  stop();
  await clock.settle();
  await ended;
});
