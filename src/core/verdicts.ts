import type { App, Task, TaskId } from './app.ts';
import type { Difference } from './difference.ts';
import { editedMap } from './edited-map.ts';
import type { Memory } from './memory.ts';

/** Last known verdicts by task. */
export type Verdicts = Memory['health'];
type Verdict = 'healthy' | 'unhealthy';

/** Gives the verdicts after a change of apps, from those before it. */
export type VerdictKeeper = (change: Difference<App>, apps: readonly App[], before: Verdicts) => Verdicts;

/**
 * Keeps verdicts: known ones replace older ones, unknown ones do not (a new leader has lost them all, marathon-api 4.5), tasks
 * that are no longer listed are forgotten. The same map when nothing changed. All `apps` are looked at only when `before` is
 * not what the call before gave.
 */
export function createVerdictKeeper(): VerdictKeeper {
  let given: Verdicts | undefined;
  return (change, apps, before) => {
    const isOwn = before === given;
    const edits = new Map<TaskId, Verdict | undefined>();
    for (const task of isOwn ? tasksOf(change.gone) : before.keys()) edits.set(task, undefined);
    for (const app of isOwn ? change.came : apps) {
      for (const { id, health } of app.tasks) edits.set(id, isVerdict(health) ? health : before.get(id));
      for (const id of vouchedFor(app, before)) edits.set(id, 'healthy');
    }
    given = editedMap(before, edits);
    return given;
  };
}

/**
 * Tasks that Marathon has put in the place of healthy ones, which it ends once the new ones are healthy and not before. A change of
 * leader at that moment takes away the results of both, and nobody would serve until there are new ones. Where those that end still
 * have theirs, nothing was lost, and who has none was not seen healthy: such a deployment ends old tasks first.
 */
function vouchedFor({ tasks }: App, verdicts: Verdicts): readonly TaskId[] {
  const isHealthy = (task: Task): boolean => verdictOf(task, verdicts) === 'healthy';
  const ending = tasks.filter(({ state }) => state === 'killing');
  if (!ending.some((task) => task.health === 'unknown' && isHealthy(task))) return [];
  const running = tasks.filter(({ state }) => state === 'running');
  if (running.some(isHealthy)) return [];
  return running.filter((task) => verdictOf(task, verdicts) === undefined).map(({ id }) => id);
}

const tasksOf = (apps: readonly App[]): readonly TaskId[] => apps.flatMap(({ tasks }) => tasks.map(({ id }) => id));
const isVerdict = (health: Task['health']): health is Verdict => health === 'healthy' || health === 'unhealthy';

/** What is known of tasks from the time before. */
export type Known = Pick<Memory, 'health' | 'readiness'>;

/** The verdict that counts. `undefined`: checked, but never yet seen healthy or unhealthy. */
function verdictOf(task: Task, verdicts: Verdicts): 'healthy' | 'unhealthy' | 'none' | undefined {
  return task.health === 'unknown' ? verdicts.get(task.id) : task.health;
}

/** Tasks of an app that get traffic: they may answer by their state, are not waited for, and are healthy as far as that is asked for. */
export type RoutableTasks = (app: App, known: Known) => readonly Task[];

/** Whether the tasks of an app that get traffic may be others although the app is the same: only what is unknown is remembered. */
export const dependsOnVerdicts = ({ tasks }: App, healthCheck: boolean): boolean =>
  tasks.some(({ health, readiness = 'ready' }) => (healthCheck && health === 'unknown') || readiness !== 'ready');

/** Gives the same list again for an app that did not change, as long as it holds the same tasks. */
export function createRoutableTasks(healthCheck: boolean): RoutableTasks {
  const routed = new WeakMap<App, readonly Task[]>();
  return (app, known) => {
    const before = routed.get(app);
    const now = app.tasks.filter((task) => isRoutable(task, known, healthCheck));
    if (before?.length === now.length && now.every((task, index) => task === before[index])) return before;
    routed.set(app, now);
    return now;
  };
}

function isRoutable(task: Task, { health, readiness }: Known, healthCheck: boolean): boolean {
  if (!mayAnswer(task) || readiness.get(task.id) === 'waiting') return false;
  const verdict = healthCheck ? verdictOf(task, health) : 'none';
  return verdict === 'healthy' || verdict === 'none';
}

/** Lost and unreachable tasks mostly serve on, as does a state that nobody knows yet; HAProxy's checks sort them out. */
function mayAnswer({ state }: Task): boolean {
  return state === 'running' || state === 'unreachable' || state === 'lost' || state === 'other';
}
