import type { App, AppId, Task, TaskId } from '../core/app.ts';
import { keepApp } from '../core/identity.ts';
import { instanceOf, type LeavingTask } from '../core/leaving.ts';
import type { Memory } from '../core/memory.ts';
import { byText } from '../core/order.ts';

/** Tasks that Marathon lost touch with. Most of them serve on: what is lost is the agent, or the way to it. */
export interface OutOfTouch {
  /** These were out of touch when the life before ended: no event of this one says so. For before the first answer. */
  resume(of: Memory['outOfTouch']): void;
  /** An event calls the task unreachable. */
  lost(task: LeavingTask): void;
  /** An event says that it ends, or has ended. */
  ended(task: LeavingTask): void;
  /** Of apps as they were read, those that go on with such tasks as they were `before`. `all`: every app as it was read. */
  serving(apps: readonly App[], before: (id: AppId) => App | undefined, all: readonly App[]): ReadonlyMap<AppId, App>;
}

/** Apps remembered, those whose tasks were lost last. */
const KEPT = 10_000;
const NONE: ReadonlyMap<AppId, App> = new Map();
const NONE_BEFORE: ReadonlyMap<AppId, readonly Task[]> = new Map();
/** Out of touch for longer than this when a life begins: who has the address by now, nobody was there to see. Milliseconds. */
const REMEMBERED_MS = 24 * 3_600_000;

/**
 * With the default `unreachableStrategy` a task is in no list any more from the moment its agent is out of touch, and its replacement
 * is seconds away (marathon-api 6.6). Until the app has a task that serves, those keep its route: where they are dead, HAProxy's
 * checks find out, and where they are not, nothing was lost. Never once another task has their address, or an event says that they
 * ended.
 */
export function createOutOfTouch(now: () => number): OutOfTouch {
  const lost = new Map<AppId, ReadonlySet<TaskId>>();
  /** Of the life before, until the first answer. */
  let earlier = NONE_BEFORE;

  const remember = (app: AppId, tasks: ReadonlySet<TaskId>): void => {
    lost.delete(app);
    if (tasks.size > 0) lost.set(app, tasks);
    const [oldest] = lost.keys();
    if (lost.size > KEPT && oldest !== undefined) lost.delete(oldest);
  };

  function goesOn(
    app: App,
    before: App | undefined,
    earlierTasks: readonly Task[] | undefined,
    isTaken: (task: Task) => boolean,
  ): App {
    const ids = lost.get(app.id);
    const had = before?.tasks ?? earlierTasks;
    if (ids === undefined || had === undefined) return app;
    const listed = new Set(app.tasks.map(({ id }) => id));
    const unlisted = had.filter(({ id }) => ids.has(id) && !listed.has(id));
    if (unlisted.length === 0) return app;
    if (app.instances === 0 || app.tasks.some(serves)) {
      remember(app.id, new Set([...ids].filter((id) => listed.has(id))));
      return app;
    }
    const still = unlisted.filter((task) => !isTaken(task)).map((task) => ({ ...task, state: 'unreachable' as const }));
    if (still.length === 0) return app;
    const tasks = [...app.tasks, ...still].sort((a, b) => byText(a.id, b.id));
    return keepApp(before, { ...app, tasks });
  }

  return {
    resume(of) {
      const lasting = [...of].filter(([, { since }]) => now() - since < REMEMBERED_MS);
      earlier = new Map(lasting.map(([app, { tasks }]) => [app, tasks]));
      for (const [app, { tasks }] of lasting) remember(app, new Set(tasks.map(({ id }) => id)));
    },
    lost({ app, task }) {
      remember(app, new Set([...(lost.get(app) ?? []), task as TaskId]));
    },
    ended({ app, task }) {
      const ids = lost.get(app);
      if (ids !== undefined) remember(app, new Set([...ids].filter((id) => id !== task && instanceOf(id) !== task)));
    },
    serving(apps, before, all) {
      const was = earlier;
      earlier = NONE_BEFORE;
      if (lost.size === 0) return NONE;
      const concerned = apps.filter(({ id }) => lost.has(id));
      if (concerned.length === 0) return NONE;
      // Of the whole cluster: only once there is a task to be kept.
      let taken: ReadonlySet<string> | undefined;
      const isTaken = (task: Task): boolean => {
        taken ??= addressesOf(all);
        return task.endpoints.some((endpoint) => taken?.has(addressOf(endpoint)) === true);
      };
      const others = concerned.map((app) => goesOn(app, before(app.id), was.get(app.id), isTaken));
      return new Map(others.flatMap((app, n) => (app === concerned[n] ? [] : [[app.id, app]])));
    },
  };
}

/** As far as the list itself tells. */
const serves = ({ state, health, readiness }: Task): boolean =>
  state === 'running' && (health === 'healthy' || health === 'none') && readiness !== 'waiting';

const addressOf = ({ address, port }: Task['endpoints'][number]): string => `${address} ${port}`;

const addressesOf = (apps: readonly App[]): ReadonlySet<string> =>
  new Set(apps.flatMap(({ tasks }) => tasks.flatMap(({ endpoints }) => endpoints.map(addressOf))));
