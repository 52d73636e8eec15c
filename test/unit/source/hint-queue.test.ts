import { expect, test } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import type { LeavingTask } from '../../../src/core/leaving.ts';
import type { ChangeHint } from '../../../src/core/ports.ts';
import { createHintQueue } from '../../../src/source/hint-queue.ts';

const ids = (...names: string[]) => names as AppId[];

function start() {
  let now = 0;
  const queue = createHintQueue({ now: () => now++ as Instant, sleep: async () => undefined });
  const stop = new AbortController();
  const hints = queue.take(stop.signal);
  const next = async (): Promise<ChangeHint | undefined> => (await hints.next()).value ?? undefined;
  return { queue, stop, next };
}

test('hints that share a reason leave together, with the time of the first; an app waits once', async () => {
  const { queue, next } = start();
  queue.push(ids('/b'), 'x');
  queue.push(ids('/a', '/b'), 'x');
  queue.push(ids('/b', '/c'), 'y');
  expect(await next()).toEqual({ scope: ['/a', '/b'], reason: 'x', at: 0 });
  expect(await next()).toMatchObject({ scope: ['/c'], reason: 'y' });
});

test('everything swallows what waits and keeps the oldest time', async () => {
  const { queue, next } = start();
  queue.push(ids('/a'), 'x');
  queue.push('all', 'poll');
  queue.push(ids('/b'), 'x');
  queue.push('all', 'connected');
  expect(await next()).toEqual({ scope: 'all', reason: 'poll', at: 0 });
  queue.push(ids('/c'), 'x');
  expect(await next()).toMatchObject({ scope: ['/c'] });
});

test('more than fifty apps are everything', async () => {
  const { queue, next } = start();
  for (let i = 0; i < 50; i += 1) queue.push(ids(`/a${i}`), 'x');
  expect((await next())?.scope).toHaveLength(50);
  for (let i = 0; i < 51; i += 1) queue.push(ids(`/a${i}`), 'x');
  expect(await next()).toMatchObject({ scope: 'all', reason: 'x' });
});

test('a hint that comes while the last one is being answered is kept; waiting ends with the signal', async () => {
  const { queue, stop, next } = start();
  queue.push(ids('/a'), 'x');
  expect(await next()).toMatchObject({ scope: ['/a'] });
  const waiting = next();
  queue.push(ids('/a'), 'x');
  expect(await waiting).toMatchObject({ scope: ['/a'] });
  const last = next();
  stop.abort();
  expect(await last).toBeUndefined();
});

test('tasks that leave go with the next hint, each once, whatever swallows the hints that brought them', async () => {
  const { queue, next } = start();
  const task = (app: string, id: string) => ({ app, task: id }) as LeavingTask;
  const leaving = (app: string, id: string) => ({ leaving: task(app, id) });
  queue.push(ids('/b'), 'x');
  queue.push(ids('/a'), 'y', leaving('/a', 'a.1'));
  queue.push(ids('/a'), 'y', leaving('/a', 'a.1'));
  queue.push(ids('/a'), 'y', leaving('/a', 'a.2'));
  expect(await next()).toEqual({
    scope: ['/b'],
    reason: 'x',
    at: 0,
    leaving: [task('/a', 'a.1'), task('/a', 'a.2')],
  });
  expect(await next()).toEqual({ scope: ['/a'], reason: 'y', at: 1 });
  queue.push('all', 'poll');
  queue.push(ids('/c'), 'y', leaving('/c', 'c.1'));
  expect(await next()).toMatchObject({ scope: 'all', reason: 'poll', leaving: [task('/c', 'c.1')] });
  for (let i = 0; i < 60; i += 1) queue.push(ids(`/a${i}`), 'z', leaving(`/a${i}`, `a${i}.1`));
  const burst = await next();
  expect(burst?.scope).toBe('all');
  expect(burst?.leaving).toHaveLength(60);
});

test('a look waits only as long as nobody asks for one that does not', async () => {
  const { queue, next } = start();
  const patient = { patient: true } as const;
  queue.push(ids('/a', '/b', '/c'), 'x', patient);
  queue.push(ids('/b'), 'x');
  queue.push(ids('/c'), 'y');
  queue.push(ids('/c'), 'x', patient);
  expect(await next()).toEqual({ scope: ['/a'], reason: 'x', at: 0, patient: true });
  expect(await next()).toEqual({ scope: ['/b'], reason: 'x', at: 1 });
  expect(await next()).toEqual({ scope: ['/c'], reason: 'y', at: 2 });
  queue.push(ids('/a'), 'x', patient);
  queue.push('all', 'poll');
  expect(await next()).toEqual({ scope: 'all', reason: 'poll', at: expect.any(Number) });
});

test('apps that are destroyed go with the next hint, also when their own hints are one for all', async () => {
  const { queue, next } = start();
  for (let i = 0; i < 60; i += 1) queue.push(ids(`/a${i}`), 'deployment_info', { removed: ids(`/a${i}`) });
  const burst = await next();
  expect(burst?.scope).toBe('all');
  expect(burst?.removed).toHaveLength(60);
  queue.push(ids('/b'), 'x');
  expect(await next()).not.toHaveProperty('removed');
});
