import type { AppId, Instant, Task, TaskId } from './app.ts';

/** What one pass tells the next; saved in a file of its own with a schema number. Losing it deals places again, nothing more. */
export interface Memory {
  /** Claims on `host`, `host/path`, `address:port` and backend names, and who holds them: the running owner keeps what it has. */
  readonly claims: ReadonlyMap<string, AppId>;
  /** Last known verdict by task: unknown health never overrides a known one. Tasks that Marathon no longer lists are forgotten. */
  readonly health: ReadonlyMap<TaskId, 'healthy' | 'unhealthy'>;
  /** Of tasks with readiness checks: whether they were ever ready. Tasks that Marathon no longer lists are forgotten. */
  readonly readiness: ReadonlyMap<TaskId, 'ready' | 'waiting'>;
  /** Ports given to services without one of their own, by `<app id>|<task port>`. */
  readonly autoPorts: ReadonlyMap<string, number>;
  /** Marathon lists them no more, and the next life cannot know of them otherwise (marathon-api 6.6). */
  readonly outOfTouch: ReadonlyMap<AppId, TasksOutOfTouch>;
}

/** Tasks of an app that are out of touch, and since when there are such. */
export interface TasksOutOfTouch {
  readonly since: Instant;
  readonly tasks: readonly Task[];
}

/** The memory of a node that has none. */
export const NO_MEMORY: Memory = {
  claims: new Map(),
  health: new Map(),
  readiness: new Map(),
  autoPorts: new Map(),
  outOfTouch: new Map(),
};
