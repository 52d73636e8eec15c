import type { AppId, TaskId } from './app.ts';
import type { Brand } from './result.ts';

/** The id of an instance (Marathon ≥ 1.4), whose tasks from 1.8 on are named after it. */
export type InstanceId = Brand<string, 'InstanceId'>;

/** A task that an event says is on its way out. Like every hint it is no fact: a look at its app decides. */
export interface LeavingTask {
  readonly app: AppId;
  /** The task, or the instance whose every task is meant. */
  readonly task: TaskId | InstanceId;
}

/** Between the instance and the number of its incarnation (marathon-api 0). */
const INCARNATION = '._app.';

/** The instance of a task of Marathon ≥ 1.8; of an older one its id as it is, which no instance has. */
export function instanceOf(task: TaskId): InstanceId {
  const at = task.lastIndexOf(INCARNATION);
  return (at < 0 ? task : task.slice(0, at)) as string as InstanceId;
}

/** Leaving tasks as they are looked up: there may be thousands of them, and all are asked about at each change. */
export interface LeavingTasks {
  /** Another set for other tasks. */
  readonly byApp: ReadonlyMap<AppId, ReadonlySet<LeavingTask['task']>>;
  /** Whatever their apps. */
  readonly all: ReadonlySet<LeavingTask['task']>;
}

/** Looks a few of them up. */
export function leavingTasks(leaving: readonly LeavingTask[]): LeavingTasks {
  const byApp = Map.groupBy(leaving, ({ app }) => app);
  return {
    byApp: new Map([...byApp].map(([app, those]) => [app, new Set(those.map(({ task }) => task))])),
    all: new Set(leaving.map(({ task }) => task)),
  };
}

/** Whether a task, or the instance that it is one of, is among those that leave. */
export const leaves = (task: TaskId, leaving: ReadonlySet<LeavingTask['task']>): boolean =>
  leaving.has(task) || leaving.has(instanceOf(task));
