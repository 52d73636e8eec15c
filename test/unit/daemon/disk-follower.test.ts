import { expect, test } from 'vitest';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { fail, ok } from '../../../src/core/result.ts';
import { createDiskFollower } from '../../../src/daemon/disk-follower.ts';

const config = (digest: string): RenderedConfig => ({ files: new Map(), owners: [], digest });

/** A follower over a disk that keeps what was published. */
function rig() {
  const events: DaemonEventBody[] = [];
  const published: string[] = [];
  const validated: string[] = [];
  const state = { runs: 'a', generation: 7, valid: true, whileChecking: () => {} };
  const follower = createDiskFollower({
    haproxy: {
      validate: async (given) => {
        validated.push(given.digest);
        state.whileChecking();
        return state.valid
          ? ok({ generation: (100 + validated.length) as Generation, warnings: [] })
          : fail({ kind: 'timeout', detail: 'scripted' });
      },
      publish: async () => {
        published.push(validated.at(-1) ?? '');
        return ok(undefined);
      },
    },
    clock: { now: () => 0 as never },
    emit: (event) => events.push(event),
    runs: (digest) => digest === state.runs,
    worker: () => ({ generation: state.generation as Generation, loaded: config('loaded') }),
  });
  return { follower, state, events, published, validated };
}

test('writes the newest of what the socket has changed, once', async () => {
  const { follower, state, published, validated } = rig();
  follower.behind(config('older'));
  follower.behind(config('a'));
  state.runs = 'a';
  await follower.follow();
  await follower.follow();
  expect(validated).toEqual(['a']);
  expect(published).toEqual(['a']);
});

test('publishes nothing that another worker’s start has overtaken', async () => {
  const { follower, state, published } = rig();
  follower.behind(config('a'));
  state.whileChecking = () => {
    state.generation = 8;
  };
  await follower.follow();
  expect(published).toEqual([]);
});

test('publishes nothing while a reload goes on', async () => {
  const { follower, published } = rig();
  follower.behind(config('a'));
  await follower.holding(async () => {
    await follower.follow();
    expect(published).toEqual([]);
  });
  await follower.follow();
  expect(published).toEqual(['a']);
});

test('tries again what could not be checked', async () => {
  const { follower, state, published, events } = rig();
  follower.behind(config('a'));
  state.valid = false;
  await follower.follow();
  expect(published).toEqual([]);
  expect(events.length).toBeGreaterThan(0);
  state.valid = true;
  await follower.follow();
  expect(published).toEqual(['a']);
});
