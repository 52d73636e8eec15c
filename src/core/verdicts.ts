import type { Snapshot, Task, TaskId } from './app.ts';
import type { Memory } from './memory.ts';

/** Last known verdicts by task. */
export type Verdicts = Memory['health'];

/**
 * The verdicts after a snapshot: known ones replace older ones, unknown ones do not (a new leader has lost them all,
 * marathon-api 4.5), tasks that are no longer listed are forgotten. The same map when nothing changed.
 */
export function rememberVerdicts(snapshot: Snapshot, before: Verdicts): Verdicts {
  const after = new Map<TaskId, 'healthy' | 'unhealthy'>();
  for (const app of snapshot.apps) {
    for (const { id, health } of app.tasks) {
      const verdict = health === 'healthy' || health === 'unhealthy' ? health : before.get(id);
      if (verdict !== undefined) after.set(id, verdict);
    }
  }
  const same = after.size === before.size && [...after].every(([task, verdict]) => before.get(task) === verdict);
  return same ? before : after;
}

/** The verdict that counts. `undefined`: checked, but never yet seen healthy or unhealthy. */
function verdictOf(task: Task, verdicts: Verdicts): 'healthy' | 'unhealthy' | 'none' | undefined {
  return task.health === 'unknown' ? verdicts.get(task.id) : task.health;
}

/** Whether a task gets traffic: it may answer by its state, and is healthy as far as that is asked for. */
export function isRoutable(task: Task, verdicts: Verdicts, healthCheck: boolean): boolean {
  if (!mayAnswer(task)) return false;
  const verdict = healthCheck ? verdictOf(task, verdicts) : 'none';
  return verdict === 'healthy' || verdict === 'none';
}

/** Lost and unreachable tasks mostly serve on, as does a state that nobody knows yet; HAProxy's checks sort them out. */
function mayAnswer({ state }: Task): boolean {
  return state === 'running' || state === 'unreachable' || state === 'lost' || state === 'other';
}
