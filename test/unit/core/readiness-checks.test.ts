import { describe, expect, test } from 'vitest';
import type { App, Instant, Task } from '../../../src/core/app.ts';
import { appsView } from '../../../src/core/apps-view.ts';
import { buildRoutingTable } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { type Memory, NO_MEMORY } from '../../../src/core/memory.ts';
import { NO_LOOKUPS, parseApp } from '../../../src/core/snapshot.ts';
import { initialState } from '../../../src/core/state.ts';
import { whyNoServer } from '../../../src/core/why-not.ts';
import { SETTINGS } from './table-rig.ts';

const OLD = '2024-01-01T00:00:00.000Z';
const NEW = '2025-01-01T00:00:00.000Z';
const DEPLOYED = [{ id: 'd' }];

interface Says {
  readonly tasks?: Readonly<Record<string, string>>;
  readonly deployments?: readonly object[];
  readonly results?: Readonly<Record<string, boolean>> | 'none';
  readonly readinessChecks?: readonly object[];
  readonly healthChecks?: readonly object[];
  readonly readinessCheckResults?: readonly object[];
}

/** An app at `NEW` with tasks by their versions, as Marathon shows it. */
function app({ tasks = { a: NEW }, deployments = DEPLOYED, results = {}, readinessChecks = [{}], ...more }: Says): App {
  const { value } = parseApp(
    {
      id: '/web',
      version: NEW,
      versionInfo: { lastConfigChangeAt: OLD },
      labels: { HAPROXY_0_VHOST: 'a.example', HAPROXY_GROUP: 'external' },
      portDefinitions: [{ port: 10_000 }],
      readinessChecks,
      deployments,
      tasks: Object.entries(tasks).map(([id, version], n) => ({
        id,
        version,
        state: 'TASK_RUNNING',
        host: '10.0.0.1',
        ports: [31_000 + n],
      })),
      ...(results === 'none'
        ? {}
        : { readinessCheckResults: Object.entries(results).map(([taskId, ready]) => ({ name: 'r', taskId, ready })) }),
      ...more,
    },
    NO_LOOKUPS,
  );
  if (value === undefined) throw new Error('unreadable');
  return value;
}

const build = (of: App, memory: Memory = NO_MEMORY) =>
  buildRoutingTable({ takenAt: 0 as Instant, apps: [of] }, SETTINGS, NO_CERTIFICATES, memory);
const served = (of: App, memory?: Memory) =>
  build(of, memory).value.backends.flatMap(({ servers }) => servers.map(({ task }) => task));
/** Who is served after these answers, one after the other. */
function inTheEnd(...says: readonly Says[]): readonly string[] {
  const memory = says.slice(0, -1).reduce<Memory>((known, say) => build(app(say), known).memory, NO_MEMORY);
  return served(app(says.at(-1) ?? {}), memory);
}

describe('what an answer says of a task', () => {
  const cases: readonly (readonly [string, Says, Task['readiness']])[] = [
    ['it has passed', { results: { a: true } }, 'ready'],
    ['it has not', { results: { a: false } }, 'waiting'],
    ['a new one was not asked yet', {}, 'waiting'],
    ['an older one has no result', { tasks: { a: OLD } }, 'unknown'],
    ['an answer without results', { results: 'none' }, 'unknown'],
    ['no deployment runs', { deployments: [] }, 'ready'],
    ['no deployment runs, and a result is left', { deployments: [], results: { a: false } }, 'ready'],
    ['its definition has no such check', { readinessChecks: [] }, undefined],
    ['there is a result although it has none', { readinessChecks: [], results: { a: false } }, 'waiting'],
  ];
  for (const [name, says, readiness] of cases) test(name, () => expect(app(says).tasks[0]?.readiness).toBe(readiness));

  test('one of two results that is not ready counts', () => {
    const results = (...ready: readonly unknown[]) => ({
      readinessCheckResults: ready.map((said) => ({ taskId: 'a', ready: said })),
    });
    expect(app({ ...results(true, false) }).tasks[0]?.readiness).toBe('waiting');
    expect(app({ ...results(false, true) }).tasks[0]?.readiness).toBe('waiting');
    expect(app({ ...results('yes') }).tasks[0]?.readiness).toBe('waiting');
  });
});

describe('traffic goes to', () => {
  const both = { old: OLD, new: NEW };
  test('old tasks only, until a new one has passed', () => {
    expect(served(app({ tasks: both }))).toEqual(['old']);
    expect(served(app({ tasks: both, results: { new: false } }))).toEqual(['old']);
    expect(served(app({ tasks: both, results: { new: true } }))).toEqual(['old', 'new']);
  });
  test('nobody where nobody has passed, and everybody when the deployment is over', () => {
    expect(served(app({}))).toEqual([]);
    expect(served(app({ deployments: [] }))).toEqual(['a']);
  });
  test('a task that has passed, though a new leader has lost the result, or has another', () => {
    expect(inTheEnd({ results: { a: true } }, {})).toEqual(['a']);
    expect(inTheEnd({ results: { a: true } }, { results: { a: false } })).toEqual(['a']);
  });
  test('a task that ran before the deployment', () => {
    expect(inTheEnd({ deployments: [] }, {})).toEqual(['a']);
    expect(inTheEnd({ tasks: { a: OLD } }, {})).toEqual(['a']);
  });
  test('no task that never passed, when the next deployment makes it an old one', () => {
    expect(inTheEnd({ tasks: { a: NEW } }, { tasks: { a: OLD, b: NEW } })).toEqual([]);
    expect(inTheEnd({ tasks: { a: NEW } }, { tasks: { a: OLD }, deployments: [] })).toEqual(['a']);
  });
  test('no task that is ready and unhealthy', () => {
    const healthChecks = [{ protocol: 'HTTP', portIndex: 0 }];
    expect(served(app({ results: { a: true }, healthChecks }))).toEqual([]);
  });
});

test('what is remembered ends with the task, and is nothing without readiness checks', () => {
  const known = build(app({ tasks: { a: NEW, b: OLD } })).memory;
  expect([...known.readiness]).toEqual([
    ['a', 'waiting'],
    ['b', 'ready'],
  ]);
  expect([...build(app({ tasks: { a: NEW } }), known).memory.readiness]).toEqual([['a', 'waiting']]);
  expect(build(app({ tasks: { c: NEW }, readinessChecks: [] }), known).memory.readiness.size).toBe(0);
  expect(build(app({ readinessChecks: [] })).memory.readiness).toBe(NO_MEMORY.readiness);
});

test('whoever waits is told: in /v1/apps by task, and why a route has no server', () => {
  const of = app({ tasks: { old: OLD, new: NEW } });
  const state = (shown: App) => ({
    ...initialState('1', SETTINGS, 0),
    snapshot: { takenAt: 0 as Instant, apps: [shown] },
    table: build(shown).value,
  });
  expect(appsView(state(of))[0]?.waiting).toEqual([{ task: 'new', reason: 'ReadinessCheckPending' }]);
  expect(appsView(state(app({ deployments: [] })))[0]).not.toHaveProperty('waiting');
  const alone = app({});
  const why = whyNoServer(state(alone), { backend: 'web_10000', app: alone.id }, []);
  expect(why).toEqual({
    reason: 'ReadinessCheckPending',
    message: '1 of 1 running tasks of /web have not passed their readiness check.',
  });
});
