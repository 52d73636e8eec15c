import type { App, AppId, Snapshot, Task } from './app.ts';
import type { Difference } from './difference.ts';
import { editedMap } from './edited-map.ts';
import type { Memory, TasksOutOfTouch } from './memory.ts';

/** Gives who is out of touch after a change of apps, from who was before it. */
export type OutOfTouchKeeper = (
  change: Difference<App>,
  snapshot: Snapshot,
  before: Memory['outOfTouch'],
) => Memory['outOfTouch'];

/** The same map when nothing changed; all apps are looked at only when `before` is not what the call before gave. */
export function createOutOfTouchKeeper(): OutOfTouchKeeper {
  let given: Memory['outOfTouch'] | undefined;
  return (change, { apps, takenAt }, before) => {
    const isOwn = before === given;
    const edits = new Map<AppId, TasksOutOfTouch | undefined>();
    if (before.size > 0)
      for (const id of isOwn ? change.gone.map((app) => app.id) : before.keys()) edits.set(id, undefined);
    for (const { id, tasks } of isOwn ? change.came : apps) {
      const lost = tasks.filter(isOutOfTouch);
      if (lost.length > 0) edits.set(id, { since: before.get(id)?.since ?? takenAt, tasks: lost });
    }
    given = editedMap(before, edits);
    return given;
  };
}

const isOutOfTouch = ({ state }: Task): boolean => state === 'unreachable';
