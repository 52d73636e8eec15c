import { createTakeOut } from '../core/fast-lane.ts';
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

type Leaver = LeavingTask & { readonly until: number };

/** Nobody leaves yet. `forMs`: how long an event's word counts. */
export function createLeavers(clock: Pick<Clock, 'now'>, forMs: number): Leavers {
  const takeOut = createTakeOut();
  let all: readonly Leaver[] = [];

  function now(): readonly Leaver[] {
    const at = clock.now();
    if (all.some(({ until }) => until <= at)) all = all.filter(({ until }) => until > at);
    return all;
  }

  return {
    join(leaving) {
      const until = clock.now() + forMs;
      const again = new Set(leaving.map(({ task }) => task));
      all = [...now().filter(({ task }) => !again.has(task)), ...leaving.map((one) => ({ ...one, until }))];
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
