import { expect, test } from 'vitest';
import type { App, Task, TaskId } from '../../../src/core/app.ts';
import { createVerdictKeeper, type Verdicts } from '../../../src/core/verdicts.ts';
import { app, task } from './table-rig.ts';

type Some = readonly [id: string, state: Task['state'], health: Task['health']];
const of = (...tasks: readonly Some[]): App =>
  app('/a', { tasks: tasks.map(([id, state, health]) => ({ ...task(id), state, health })) });
const known = (...ids: readonly string[]): Verdicts => new Map(ids.map((id) => [id as TaskId, 'healthy' as const]));
const after = (now: App, before: Verdicts) => createVerdictKeeper()({ gone: [], came: [now] }, [now], before);

test('tasks that took the place of healthy ones are healthy, where a new leader does not know it', () => {
  const now = of(['old', 'killing', 'unknown'], ['new', 'running', 'unknown']);
  expect(after(now, known('old')).get('new' as TaskId)).toBe('healthy');
});

test.each<readonly [string, readonly Some[]]>([
  [
    'no results were lost',
    [
      ['old', 'killing', 'healthy'],
      ['new', 'running', 'unknown'],
    ],
  ],
  [
    'nobody goes',
    [
      ['old', 'running', 'unknown'],
      ['new', 'running', 'unknown'],
    ],
  ],
  [
    'somebody else serves',
    [
      ['old', 'killing', 'unknown'],
      ['other', 'running', 'healthy'],
      ['new', 'running', 'unknown'],
    ],
  ],
  [
    'it is ill',
    [
      ['old', 'killing', 'unknown'],
      ['new', 'running', 'unhealthy'],
    ],
  ],
  [
    'it is only starting',
    [
      ['old', 'killing', 'unknown'],
      ['new', 'starting', 'unknown'],
    ],
  ],
  [
    'who goes was never healthy',
    [
      ['ill', 'killing', 'unknown'],
      ['new', 'running', 'unknown'],
    ],
  ],
])('not where %s', (_why, tasks) => {
  expect(after(of(...tasks), known('old')).get('new' as TaskId)).not.toBe('healthy');
});
