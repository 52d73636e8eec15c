import { expect, test } from 'vitest';
import { createFollowing } from '../../../src/daemon/following.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const TIMINGS = { followMs: 1_000, followMaxMs: 5_000, followAgainMs: 30_000 };

/** A disk that fails as long as told. */
function rig() {
  const clock = createManualClock();
  const from = clock.now();
  const at: number[] = [];
  const disk = { fails: false };
  const following = createFollowing({
    clock,
    timings: TIMINGS,
    follow: async () => {
      at.push(clock.now() - from);
      return disk.fails;
    },
  });
  return { clock, at, disk, following, signal: new AbortController() };
}

test('follows a second after a change, and every five while they keep coming', async () => {
  const { clock, at, following, signal } = rig();
  for (let n = 0; n < 120; n += 1) {
    following.soon(signal.signal);
    await clock.advance(100);
  }
  expect(at).toEqual([1_000, 6_000, 11_000]);
});

test('is tried again by itself while it fails, ever more rarely, and is over when it does not', async () => {
  const { clock, at, disk, following, signal } = rig();
  disk.fails = true;
  following.soon(signal.signal);
  await clock.advance(120_000);
  expect(at).toEqual([1_000, 6_000, 16_000, 36_000, 66_000, 96_000]);
  disk.fails = false;
  await clock.advance(600_000);
  expect(at.slice(6)).toEqual([126_000]);
  following.soon(signal.signal);
  await clock.advance(1_000);
  expect(at).toHaveLength(8);
});

test('ends with the daemon', async () => {
  const { clock, at, disk, following, signal } = rig();
  disk.fails = true;
  following.soon(signal.signal);
  await clock.advance(1_000);
  signal.abort();
  await clock.advance(600_000);
  expect(at.length).toBeLessThan(4);
});
