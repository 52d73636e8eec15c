import { expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { fail, ok } from '../../../src/core/result.ts';
import { createDiskFollower } from '../../../src/daemon/disk-follower.ts';
import type { Accepted } from '../../../src/daemon/kept-quarantine.ts';

/** What a configuration was made of, told apart by its time. */
const made = (at: number): Accepted => ({
  snapshot: { takenAt: at as Instant, apps: [] },
  table: { services: [], routes: [], appIds: [], backends: [] },
});
const config = (digest: string): RenderedConfig => ({ files: new Map(), owners: [], digest });

/** A follower over a disk that keeps what was published. */
function rig() {
  const events: DaemonEventBody[] = [];
  const published: string[] = [];
  const validated: string[] = [];
  const refused: string[] = [];
  const accepted: number[] = [];
  const announced: string[] = [];
  const state = { runs: 'a', generation: 7, valid: true, invalid: false, whileChecking: () => {} };
  const follower = createDiskFollower({
    haproxy: {
      validate: async (given) => {
        validated.push(given.digest);
        state.whileChecking();
        if (state.invalid) return fail({ kind: 'invalid', diagnostics: [{ severity: 'alert', message: 'no' }] });
        return state.valid
          ? ok({ generation: (100 + validated.length) as Generation, warnings: [] })
          : fail({ kind: 'timeout', detail: 'scripted' });
      },
      publish: async () => {
        published.push(validated.at(-1) ?? '');
        expect(announced.at(-1)).toBe(published.at(-1));
        return ok(undefined);
      },
    },
    clock: { now: () => 0 as never },
    emit: (event) => events.push(event),
    runs: (digest) => digest === state.runs,
    worker: () => ({ generation: state.generation as Generation, loaded: config('loaded') }),
    refused: ({ digest }) => refused.push(digest),
    publishing: (digest) => announced.push(digest),
    accepted: ({ snapshot }) => accepted.push(snapshot.takenAt),
  });
  return { follower, state, events, published, validated, refused, accepted };
}

test('writes the newest of what the socket has changed, once', async () => {
  const { follower, state, published, validated } = rig();
  follower.behind(config('older'), made(1));
  follower.behind(config('a'), made(2));
  state.runs = 'a';
  await follower.follow();
  await follower.follow();
  expect(validated).toEqual(['a']);
  expect(published).toEqual(['a']);
});

test('publishes nothing that another worker’s start has overtaken', async () => {
  const { follower, state, published } = rig();
  follower.behind(config('a'), made(2));
  state.whileChecking = () => {
    state.generation = 8;
  };
  await follower.follow();
  expect(published).toEqual([]);
});

test('publishes nothing while a reload goes on', async () => {
  const { follower, published } = rig();
  follower.behind(config('a'), made(2));
  await follower.holding(async () => {
    await follower.follow();
    expect(published).toEqual([]);
  });
  await follower.follow();
  expect(published).toEqual(['a']);
});

test('tries again what could not be checked', async () => {
  const { follower, state, published, events } = rig();
  follower.behind(config('a'), made(2));
  state.valid = false;
  await follower.follow();
  expect(published).toEqual([]);
  expect(events.length).toBeGreaterThan(0);
  state.valid = true;
  await follower.follow();
  expect(published).toEqual(['a']);
});

test('tells what HAProxy accepts, and what it refuses, which stays to be written', async () => {
  const { follower, state, refused, accepted } = rig();
  follower.behind(config('a'), made(1));
  state.invalid = true;
  await follower.follow();
  expect({ refused, accepted, behind: follower.isBehind() }).toEqual({ refused: ['a'], accepted: [], behind: true });
  state.invalid = false;
  await follower.follow();
  expect({ accepted, behind: follower.isBehind() }).toEqual({ accepted: [1], behind: false });
});

test('a check that could not be made refuses nothing', async () => {
  const { follower, state, refused, accepted } = rig();
  follower.behind(config('a'), made(1));
  state.valid = false;
  await follower.follow();
  expect({ refused, accepted }).toEqual({ refused: [], accepted: [] });
});

test('says whether it is to be asked again', async () => {
  const { follower, state, published } = rig();
  expect(await follower.follow()).toBe(false);
  follower.behind(config('a'), made(1));
  state.valid = false;
  expect(await follower.follow()).toBe(true);
  state.invalid = true;
  // A pass has to find out whose it is.
  expect(await follower.follow()).toBe(false);
  state.invalid = false;
  state.valid = true;
  await follower.holding(async () => expect(await follower.follow()).toBe(true));
  // What runs is in doubt.
  state.runs = '';
  expect(await follower.follow()).toBe(true);
  state.runs = 'a';
  expect(await follower.follow()).toBe(false);
  expect(published).toEqual(['a']);
});

test('has nothing to write for a worker that is gone, or after a reload', async () => {
  const { follower, state, validated } = rig();
  follower.behind(config('a'), made(1));
  state.generation = 8;
  expect(await follower.follow()).toBe(false);
  follower.behind(config('a'), made(1));
  follower.caughtUp();
  expect(await follower.follow()).toBe(false);
  expect({ validated, behind: follower.isBehind() }).toEqual({ validated: [], behind: false });
});
