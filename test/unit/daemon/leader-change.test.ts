import { expect, it } from 'vitest';
import type { App, Task } from '../../../src/core/app.ts';
import { statusView } from '../../../src/core/status-view.ts';
import { scriptedApp } from '../../support/scripted-core.ts';
import { createWorld } from '../../support/scripted-ports.ts';

const withHealth = (health: Task['health']): App[] =>
  Array.from({ length: 10 }, (_none, n) => scriptedApp(`/a${n}`, 3)).map((app) => ({
    ...app,
    tasks: app.tasks.map((task) => ({ ...task, id: `${app.id}.${task.id}` as Task['id'], health })),
  }));

it('results that are gone at once are told once as a change of leader, and again after they were back', async () => {
  const world = createWorld();
  const read = async (health: Task['health'], ...scopes: readonly ('all' | readonly App['id'][])[]) => {
    world.apps = withHealth(health);
    for (const scope of scopes) {
      world.hint(scope, 'test');
      await world.clock.advance(2_000);
    }
  };
  world.apps = withHealth('healthy');
  world.begin();
  await world.clock.advance(2_000);
  await read('unknown', 'all', 'all', ['/a1' as App['id']], 'all');
  expect(world.of('health-forgotten')).toMatchObject([{ tasks: 30, of: 30 }]);
  const status = statusView(world.store.current(), world.clock.now());
  expect(status.source.healthForgotten).toMatchObject({ tasks: 30, of: 30 });
  await read('healthy', 'all');
  await read('unknown', 'all');
  expect(world.of('health-forgotten')).toHaveLength(2);
  await world.stop();
});
