import type { App, Task, TaskId, Version } from './app.ts';
import type { Difference } from './difference.ts';
import { editedMap } from './edited-map.ts';
import { parseTaskId } from './identifiers.ts';
import { field, isRecord, type JsonRecord, listAt } from './json.ts';
import type { Memory } from './memory.ts';

/** What was last known of tasks whose definition has readiness checks. */
export type Readiness = Memory['readiness'];

/** What an app's answer says of a task of some version, whose own definition has so many readiness checks. */
export type ReadinessOf = (task: TaskId, version: Version, checks: number) => Task['readiness'];

/**
 * Reads `readinessCheckResults` of an app at this version (marathon-api 1.8). They count while a deployment of the app runs, and
 * only then: without one every task that runs is ready. A task that has no result is one that was there before, or a new one that
 * was not asked yet: only the present version tells. An answer without the list knows nothing of any task.
 */
export function parseReadiness(app: JsonRecord, present: Version): ReadinessOf {
  if (!listAt(app, 'deployments').some(isRecord)) return whenSettled;
  const given = field(app, 'readinessCheckResults');
  const results = new Map<TaskId, boolean>();
  for (const entry of listAt(app, 'readinessCheckResults').filter(isRecord)) {
    const task = parseTaskId(field(entry, 'taskId'));
    if (task !== undefined) results.set(task, field(entry, 'ready') === true && results.get(task) !== false);
  }
  return (task, version, checks) => {
    const result = results.get(task);
    if (result !== undefined) return result ? 'ready' : 'waiting';
    if (checks === 0) return undefined;
    return Array.isArray(given) && version === present ? 'waiting' : 'unknown';
  };
}

const whenSettled: ReadinessOf = (_task, _version, checks) => (checks === 0 ? undefined : 'ready');

/** Somebody runs who has not passed yet. */
export const isWaiting = ({ tasks }: App): boolean =>
  tasks.some(({ state, readiness }) => readiness === 'waiting' && state === 'running');

/** The app, when no step of a deployment is at work on it: results end with their step, and it has ended as all had passed. */
export function withoutWaiting(app: App): App {
  const tasks = app.tasks.map((task) =>
    task.readiness === 'waiting' ? { ...task, readiness: 'ready' as const } : task,
  );
  return { ...app, tasks };
}

/** Gives what is known after a change of apps, from what was known before it. */
export type ReadinessKeeper = (change: Difference<App>, apps: readonly App[], before: Readiness) => Readiness;

/**
 * Keeps who was ever ready: such a task stays, whatever a new leader that has lost all results says of it. One that is older than
 * the present version counts as ready unless it was seen waiting. The same map when nothing changed; all `apps` are looked at only
 * when `before` is not what the call before gave.
 */
export function createReadinessKeeper(): ReadinessKeeper {
  let given: Readiness | undefined;
  return (change, apps, before) => {
    const isOwn = before === given;
    const edits = new Map<TaskId, 'ready' | 'waiting' | undefined>();
    if (!isOwn) for (const task of before.keys()) edits.set(task, undefined);
    else if (before.size > 0) for (const { tasks } of change.gone) for (const { id } of tasks) edits.set(id, undefined);
    for (const app of isOwn ? change.came : apps) {
      for (const task of app.tasks) {
        if (task.readiness !== undefined) edits.set(task.id, judge(task.readiness, before.get(task.id)));
      }
    }
    given = editedMap(before, edits);
    return given;
  };
}

function judge(now: NonNullable<Task['readiness']>, before: 'ready' | 'waiting' | undefined): 'ready' | 'waiting' {
  if (now === 'ready' || before === 'ready') return 'ready';
  return now === 'waiting' || before === 'waiting' ? 'waiting' : 'ready';
}
