import { expect, test } from 'vitest';
import type { App, AppId, Instant, TaskId } from '../../../src/core/app.ts';
import type { InstanceId } from '../../../src/core/leaving.ts';
import { NO_LOOKUPS, parseSnapshot } from '../../../src/core/snapshot.ts';
import { createOutOfTouch } from '../../../src/source/out-of-touch.ts';
import { app as json } from './rig.ts';

const ID = '/web' as AppId;
const LOST = 'web.instance-1._app.1' as TaskId;

interface Given {
  readonly id: string;
  readonly port: number;
  readonly state?: string;
  readonly alive?: boolean;
}

/** An app as it is read, with these tasks. */
function read(tasks: readonly Given[], more: object = {}, id = '/web'): App {
  const listed = tasks.map(({ id: task, port, state = 'TASK_RUNNING', alive = true }) => ({
    id: task,
    appId: id,
    host: '10.0.0.1',
    ports: [port],
    state,
    version: '2020-01-01T00:00:00.000Z',
    startedAt: '2020-01-01T00:00:00.000Z',
    healthCheckResults: [{ alive }],
  }));
  const whole = { ...json(id), healthChecks: [{ protocol: 'TCP' }], instances: 1, ...more, tasks: listed };
  const snapshot = parseSnapshot([whole], 1 as Instant, NO_LOOKUPS);
  const one = snapshot.ok ? snapshot.value.value.apps[0] : undefined;
  if (one === undefined) throw new Error('not read');
  return one;
}

const NOW = 90_000_000;
const BEFORE = read([{ id: LOST, port: 31_000 }]);

/** What becomes of the app when this is read of it, after it was `before`, among `others`. */
function after(now: App, { before = BEFORE, others = [] as readonly App[], ended = '' } = {}): App {
  const outOfTouch = createOutOfTouch(() => NOW);
  outOfTouch.lost({ app: ID, task: LOST });
  if (ended !== '') outOfTouch.ended({ app: ID, task: ended as InstanceId });
  return outOfTouch.serving([now], () => before, [now, ...others]).get(ID) ?? now;
}
const idsOf = ({ tasks }: App) => tasks.map(({ id }) => String(id));

test('a task that is out of touch, and in no list any more, serves on until its app has another one that does', () => {
  const starting = read([{ id: 'web.instance-2._app.1', port: 31_001, state: 'TASK_STARTING' }]);
  const kept = after(starting);
  expect(idsOf(kept)).toEqual([LOST, 'web.instance-2._app.1']);
  expect(kept.tasks[0]).toMatchObject({ state: 'unreachable', health: 'healthy', endpoints: [{ port: 31_000 }] });
  expect(idsOf(after(read([]), { before: kept }))).toEqual([LOST]);
  expect(idsOf(after(read([{ id: 'web.instance-2._app.1', port: 31_001, alive: false }]), { before: kept }))).toContain(
    LOST,
  );
  expect(idsOf(after(read([{ id: 'web.instance-2._app.1', port: 31_001 }]), { before: kept }))).toEqual([
    'web.instance-2._app.1',
  ]);
});

test('the same once more is the same app', () => {
  const kept = after(read([]));
  expect(after(read([]), { before: kept })).toBe(kept);
});

test('a task of which no event said that it is out of touch is gone when it is not listed', () => {
  expect(createOutOfTouch(() => NOW).serving([read([])], () => BEFORE, [])).toEqual(new Map());
});

test('it goes when an event says that it ended, by its own name or its instance’s', () => {
  for (const ended of [LOST, 'web.instance-1']) expect(idsOf(after(read([]), { ended }))).toEqual([]);
  expect(idsOf(after(read([]), { ended: 'web.instance-7' }))).toEqual([LOST]);
});

test('it goes when its app is suspended', () => {
  expect(idsOf(after(read([], { instances: 0 })))).toEqual([]);
});

test('it goes when somebody else has its address', () => {
  const other = read([{ id: 'other.instance-1._app.1', port: 31_000 }], {}, '/other');
  expect(idsOf(after(read([]), { others: [other] }))).toEqual([]);
});

/** The next life of a Portolan that knew of a task out of touch since then. */
function nextLife(since = NOW - 1_000) {
  const next = createOutOfTouch(() => NOW);
  next.resume(new Map([[ID, { since: since as Instant, tasks: BEFORE.tasks }]]));
  return next;
}

test('one of the life before goes on in the next, from its first answer', () => {
  const next = nextLife();
  const first = next.serving([read([])], () => undefined, []).get(ID) ?? read([]);
  expect(idsOf(first)).toEqual([LOST]);
  const starting = read([{ id: 'web.instance-2._app.1', port: 31_001, alive: false }]);
  const second = next.serving([starting], () => first, []).get(ID) ?? starting;
  expect(idsOf(second)).toEqual([LOST, 'web.instance-2._app.1']);
  const serving = read([{ id: 'web.instance-2._app.1', port: 31_001 }]);
  expect(next.serving([serving], () => second, []).has(ID)).toBe(false);
});

test('of the life before, none goes on in an app that was deleted meanwhile and is made again', () => {
  const next = nextLife();
  expect(next.serving([], () => undefined, [])).toEqual(new Map());
  expect(next.serving([read([])], () => undefined, [])).toEqual(new Map());
});

test('of the life before, none goes on that was out of touch for a day', () => {
  const serving = (since: number) => nextLife(since).serving([read([])], () => undefined, []).size;
  expect([serving(NOW - 86_399_999), serving(NOW - 86_400_000)]).toEqual([1, 0]);
});
