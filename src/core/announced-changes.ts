import type { App, AppId, Task } from './app.ts';
import { difference } from './difference.ts';
import { byText } from './order.ts';

/**
 * Apps in which something is different that Marathon announces with an event whenever it happens (marathon-api 3.5): a new
 * version, a task that runs or does so no longer, a check that failed after it had passed, or the other way round.
 *
 * Left out is what Marathon tells nobody, like results that a new leader has lost, and what an answer lacks or has again: that
 * says more about the answer than about events.
 */
export function announcedChanges(before: readonly App[], after: readonly App[]): readonly AppId[] {
  const { gone, came } = difference(before, after, (a, b) => byText(a.id, b.id));
  if (came.length === 0) return [];
  const known = new Map(gone.map((app) => [app.id, app]));
  let newest: string | undefined;
  const isNew = (app: App): boolean => {
    newest ??= before.reduce((latest, { version }) => (version > latest ? version : latest), '');
    return app.version > newest;
  };
  return came
    .filter((app) => {
      const was = known.get(app.id);
      return was === undefined ? isNew(app) : isTold(was, app);
    })
    .map(({ id }) => id);
}

function isTold(was: App, app: App): boolean {
  if (app.version > was.version) return true;
  // All at once without a word is how an answer looks that lacks them, and the one after it.
  if (was.tasks.length === 0 || app.tasks.length === 0) return false;
  const tasks = new Map(was.tasks.map((task) => [task.id, task]));
  const changed = app.tasks.some((task) => {
    const before = tasks.get(task.id);
    tasks.delete(task.id);
    return runs(before) !== runs(task) || hasFlipped(before, task);
  });
  return changed || [...tasks.values()].some(runs);
}

const runs = (task: Task | undefined): boolean => task?.state === 'running';

function hasFlipped(was: Task | undefined, { health }: Task): boolean {
  return (was?.health === 'healthy' && health === 'unhealthy') || (was?.health === 'unhealthy' && health === 'healthy');
}
