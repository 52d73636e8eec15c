import type { TakeOut } from '../core/fast-lane.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { Clock } from '../core/ports.ts';
import type { RoutingTable } from '../core/routing.ts';

/** Tasks on their way out: for a while an event's word counts more than a list in which they still run. */
export interface Leavers {
  /** An event says that they leave. */
  join(leaving: readonly LeavingTask[]): void;
  /** Those whose time is not over. */
  now(): readonly LeavingTask[];
  /** These are they. */
  are(those: readonly LeavingTask[]): boolean;
  /** Marathon lists a task as running until it has ended: it stays out of rotation, unless nobody else would serve. */
  without(table: RoutingTable): RoutingTable;
}

/** Nobody leaves yet. `forMs`: how long an event's word counts. */
export function createLeavers(clock: Pick<Clock, 'now'>, forMs: number, takeOut: TakeOut): Leavers {
  /** In the order in which their times end. */
  const until = new Map<LeavingTask['task'], { readonly one: LeavingTask; readonly until: number }>();
  /** All of them as one list, which stays the same one while the same tasks leave. */
  let list: readonly LeavingTask[] | undefined = [];

  function now(): readonly LeavingTask[] {
    const at = clock.now();
    for (const [task, leaver] of until) {
      if (leaver.until > at) break;
      until.delete(task);
      list = undefined;
    }
    list ??= [...until.values()].map(({ one }) => one);
    return list;
  }

  return {
    join(leaving) {
      now();
      const end = clock.now() + forMs;
      for (const one of leaving) {
        if (!until.delete(one.task)) list = undefined;
        until.set(one.task, { one, until: end });
      }
    },
    now,
    are: (those) => those === now() || (those.length === 0 && now().length === 0),
    without(table) {
      const leaving = now();
      if (leaving.length === 0) return table;
      const { backends, commands } = takeOut(table, leaving);
      return commands.length === 0 ? table : { ...table, backends };
    },
  };
}
