import type { ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import { NO_LOOKUPS, parseSnapshot } from '../../../src/core/snapshot.ts';
import { createMarathon } from '../../../src/demo/marathon.ts';
import { createAnnounced } from '../../../src/source/announced.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { app, follow, json, startFake, startSource, until } from './rig.ts';

const WEB = '/web' as AppId;
const NEWER = '2020-01-02T00:00:00.000Z';

/** What a stream is held to, on a clock that moves when told. */
function watch() {
  const clock = createManualClock();
  const found: (readonly AppId[])[] = [];
  const announced = createAnnounced({
    clock,
    timings: { earlyWord: 5_000, lateWord: 2_000 },
    deaf: (_endpoint, apps) => found.push(apps),
  });
  const snapshot = (...apps: readonly object[]) => {
    const parsed = parseSnapshot({ apps }, clock.now(), NO_LOOKUPS);
    if (!parsed.ok) throw new Error(parsed.failure.detail);
    return parsed.value.value;
  };
  let last = snapshot(app('/other'), app(WEB));
  /** A full read that takes `ms`, and what it finds. */
  const read = async (version?: string, ms = 100) => {
    const startedAt = clock.now();
    await clock.advance(ms);
    const next = snapshot(app('/other'), app(WEB, version));
    announced.readAll(last, next, startedAt);
    last = next;
  };
  return { clock, found, announced, read, signal: announced.stream() };
}

describe('a stream is deaf', () => {
  test('when a full read finds what no event named, and none comes late', async () => {
    const { clock, found, announced, read, signal } = watch();
    announced.attached('m');
    await clock.advance(10);
    await read();
    await clock.advance(30_000);
    await read(NEWER);
    await clock.advance(1_900);
    expect(found).toEqual([]);
    await clock.advance(200);
    expect(found).toEqual([['/web']]);
    expect(signal.aborted).toBe(true);
  });

  test('also when events named other apps, or this one before it was read the last time', async () => {
    const { clock, found, announced, read } = watch();
    announced.attached('m');
    announced.heard([WEB]);
    await clock.advance(6_000);
    announced.readSome([WEB], clock.now());
    await read();
    await clock.advance(30_000);
    announced.heard(['/other' as AppId]);
    await read(NEWER);
    await clock.advance(2_100);
    expect(found).toEqual([['/web']]);
  });
});

describe('a stream is not deaf', () => {
  const cases: Readonly<Record<string, (parts: ReturnType<typeof watch>) => Promise<void>>> = {
    'when an event named the app since the last full read': async ({ clock, announced, read }) => {
      announced.heard([WEB]);
      await clock.advance(20_000);
      await read(NEWER);
    },
    'when one named everything': async ({ clock, announced, read }) => {
      announced.heard('all');
      await clock.advance(1_000);
      await read(NEWER);
    },
    'when it comes a little late': async ({ clock, announced, read }) => {
      await read(NEWER);
      await clock.advance(1_500);
      announced.heard([WEB]);
    },
    'when it came just before a read that did not show the change yet': async ({ clock, announced, read }) => {
      announced.heard([WEB]);
      await clock.advance(4_000);
      announced.readSome([WEB], clock.now());
      await read();
      await clock.advance(500);
      await read(NEWER);
    },
    'when nothing was found': async ({ read }) => read(),
    'when it was lost meanwhile': async ({ announced, read }) => {
      await read(NEWER);
      announced.lost();
    },
    'when another one was attached since the last full read': async ({ clock, announced, read }) => {
      announced.lost();
      await clock.advance(300);
      announced.attached('m2');
      await read(NEWER);
    },
  };
  for (const [name, play] of Object.entries(cases))
    test(name, async () => {
      const parts = watch();
      parts.announced.attached('m');
      await parts.clock.advance(10);
      await parts.read();
      await parts.clock.advance(30_000);
      await play(parts);
      await parts.clock.advance(10_000);
      expect(parts.found).toEqual([]);
    });

  test('by what changed before it was attached, or while nothing was', async () => {
    const { clock, found, announced, read } = watch();
    await read(NEWER);
    const began = clock.now();
    await clock.advance(50);
    announced.attached('m');
    // This one began before the stream did.
    announced.readAll(undefined, { takenAt: clock.now(), apps: [] }, began as Instant);
    await read('2020-01-03T00:00:00.000Z');
    await clock.advance(5_000);
    expect(found).toEqual([]);
  });
});

/** A source that reads whenever it is hinted at. */
function reading(urls: readonly string[], pollInterval: number) {
  const parts = startSource(urls, { pollInterval }, { streamIdle: 60_000, attachGrace: 50 });
  const { hints, stop } = follow(parts.source);
  const read = async () => {
    for (let at = 0; !stop.signal.aborted; ) {
      const hint = hints[at];
      if (hint === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      else {
        at += 1;
        await parts.source.snapshot(hint.scope, stop.signal);
      }
    }
  };
  const done = read();
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
  return { ...parts, hints };
}

test('a deaf stream is opened anew at another master, and polls come more often for a while', async () => {
  let version = '2020-01-01T00:00:00.000Z';
  const streams: [number: number, response: ServerResponse][] = [];
  const master = (number: number) =>
    startFake((request, response) => {
      if (!request.url?.startsWith('/v2/events')) return json({ apps: [app('/web', version)] })(request, response);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      streams.push([number, response]);
    });
  const [first, second] = [await master(1), await master(2)];
  const { of, hints } = reading([first.url, second.url], 3_000);
  await until(() => of('stream-attached').length === 1, 'the stream');
  await until(() => hints.length > 0 && first.seen.length >= 2, 'the first full read');
  await new Promise((resolve) => setTimeout(resolve, 50));
  version = NEWER;
  await new Promise((resolve) => setTimeout(resolve, 2_700));
  await until(() => of('stream-deaf').length === 1, 'the deaf stream');
  expect(of('stream-deaf')).toMatchObject([{ endpoint: first.url, apps: ['/web'], pollMs: 1_000 }]);
  await until(() => of('stream-attached').length === 2, 'the other stream');
  expect(of('stream-lost')).toMatchObject([{ endpoint: first.url, reason: 'deaf' }]);
  expect(streams.map(([number]) => number)).toEqual([1, 2]);
  const polls = () => hints.filter(({ reason }) => reason === 'poll');
  const before = polls().length;
  await until(() => polls().length > before, 'a poll after a third of the time');
  expect(of('stream-deaf')).toHaveLength(1);
}, 15_000);

test('no stream is deaf while apps come, change and go, however often all is read', async () => {
  const marathon = await createMarathon({ tasks: 'paper', secondMs: 20, servicePorts: { from: 27_780, to: 27_799 } });
  onTestFinished(() => marathon.stop());
  await marathon.fault('all', 'reorder-events');
  const { of, hints } = reading(marathon.urls, 40);
  await until(() => of('stream-attached').length === 1, 'the stream');
  for (const name of ['/a', '/b', '/c', '/d']) {
    await marathon.post({ id: name, instances: 3, healthChecks: [{ protocol: 'HTTP', intervalSeconds: 1 }] });
    await marathon.settled(name);
    await marathon.restart(name);
    await marathon.settled(name);
    marathon.setHealth(name, false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    marathon.setHealth(name, true);
    await marathon.scale(name, 1);
    await marathon.settled(name);
    const [task] = marathon.tasks(name);
    if (task !== undefined) marathon.crashTask(task.id);
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (name !== '/d') await marathon.delete(name);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(hints.filter(({ reason }) => reason === 'poll').length).toBeGreaterThan(20);
  expect(of('stream-deaf')).toEqual([]);
  expect(of('stream-lost')).toEqual([]);
}, 20_000);
