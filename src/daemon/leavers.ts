import type { AppId, TaskId } from '../core/app.ts';
import type { TakeOut } from '../core/fast-lane.ts';
import { instanceOf, type LeavingTask } from '../core/leaving.ts';
import type { Clock } from '../core/ports.ts';
import type { Brand } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';

/** A set of leaving tasks by number. */
export type LeavingNow = Brand<number, 'LeavingNow'>;

/** Nobody leaves. */
export const NOBODY = 0 as LeavingNow;

/** Tasks on their way out: for a while an event's word counts more than a list in which they still run. */
export interface Leavers {
  /** An event says that they leave. */
  join(leaving: readonly LeavingTask[]): void;
  /** Which tasks leave now: another set of them has another number. */
  now(): LeavingNow;
  /** Marathon lists a task as running until it has ended: it stays out of rotation, unless nobody else would serve. */
  without(table: RoutingTable): RoutingTable;
}

/** Nobody leaves yet. `forMs`: how long an event's word counts. */
export function createLeavers(clock: Pick<Clock, 'now'>, forMs: number, takeOut: TakeOut): Leavers {
  /** In the order in which their times end. */
  const until = new Map<LeavingTask['task'], { readonly one: LeavingTask; readonly until: number }>();
  const byApp = new Map<AppId, ReadonlySet<LeavingTask['task']>>();
  const all = new Set<LeavingTask['task']>();
  let sets = 0;

  function enter({ app, task }: LeavingTask): void {
    byApp.set(app, new Set(byApp.get(app)).add(task));
    all.add(task);
    sets += 1;
  }

  /** Who names a task of an instance that leaves says nothing new. */
  function meant(named: LeavingTask): LeavingTask {
    const instance = instanceOf(named.task as TaskId);
    return until.has(instance) ? { app: named.app, task: instance } : named;
  }

  function forget({ app, task }: LeavingTask): void {
    const others = new Set(byApp.get(app));
    others.delete(task);
    if (others.size === 0) byApp.delete(app);
    else byApp.set(app, others);
    all.delete(task);
    sets += 1;
  }

  function now(): LeavingNow {
    const at = clock.now();
    for (const [task, leaver] of until) {
      if (leaver.until > at) break;
      until.delete(task);
      forget(leaver.one);
    }
    return until.size === 0 ? NOBODY : (sets as LeavingNow);
  }

  return {
    join(leaving) {
      now();
      const end = clock.now() + forMs;
      for (const named of leaving) {
        const one = meant(named);
        const before = until.get(one.task)?.one;
        if (before?.app !== one.app) {
          if (before !== undefined) forget(before);
          enter(one);
        }
        until.delete(one.task);
        until.set(one.task, { one, until: end });
      }
    },
    now,
    without(table) {
      if (now() === NOBODY) return table;
      const { backends, commands } = takeOut(table, { byApp, all });
      return commands.length === 0 ? table : { ...table, backends };
    },
  };
}
