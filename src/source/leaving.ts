import type { AppId } from '../core/app.ts';
import { parseTaskId } from '../core/identifiers.ts';
import { field, type JsonRecord, textAt } from '../core/json.ts';
import { type InstanceId, instanceOf, type LeavingTask } from '../core/leaving.ts';
import { taskState } from '../core/task.ts';

/** Watches the events of one stream for tasks that are about to end. */
export interface Departures {
  /** The task of `app` that this event says is leaving, if it does. To be told every event, in order. */
  notice(eventType: string, app: AppId, event: JsonRecord): LeavingTask | undefined;
}

/** Instances remembered, those that were heard of last. */
const KEPT = 50_000;

const ENDED: ReadonlySet<string> = new Set(['Error', 'Failed', 'Finished', 'Killed', 'Gone', 'Dropped']);

/**
 * Makes the watch. From 1.8 on a changed goal shows as `Running` told of an instance that runs already (marathon-api 3.6):
 * one for which no event made a new `Running` due. An instance that nothing is known of has been running since before the
 * stream. The same event may come twice, and is one change then.
 */
export function createDepartures(): Departures {
  /** Instances for which `Running` is due, or was told, with the time of that event. */
  const known = new Map<InstanceId, 'due' | { readonly toldAt: string }>();

  const remember = (instance: InstanceId, state: 'due' | { readonly toldAt: string }): void => {
    known.delete(instance);
    known.set(instance, state);
    const [oldest] = known.keys();
    if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
  };

  const status = (app: AppId, event: JsonRecord): LeavingTask | undefined => {
    const task = parseTaskId(field(event, 'taskId'));
    const state = taskState(textAt(event, 'taskStatus'));
    if (task === undefined) return undefined;
    if (state === 'killing' || state === 'terminal') return { app, task };
    // Reconciliation tells of running tasks again, without a change of their instances.
    const instance = instanceOf(task);
    if (state === 'running' && !wasTold(known.get(instance))) remember(instance, 'due');
    return undefined;
  };

  const condition = (app: AppId, event: JsonRecord): LeavingTask | undefined => {
    const instance = instanceAt(event);
    if (instance === undefined) return undefined;
    const now = textAt(event, 'condition');
    if (now !== 'Running') {
      if (ENDED.has(now)) known.delete(instance);
      else remember(instance, 'due');
      return now === 'Killing' ? { app, task: instance } : undefined;
    }
    const before = known.get(instance);
    const toldAt = textAt(event, 'timestamp');
    if (wasTold(before) && before.toldAt === toldAt && toldAt !== '') return undefined;
    remember(instance, { toldAt });
    return before === 'due' || !hasGoal(instance) ? undefined : { app, task: instance };
  };

  return {
    notice(eventType, app, event) {
      switch (eventType) {
        case 'status_update_event':
          return status(app, event);
        case 'instance_changed_event':
          return condition(app, event);
        // A task that was out of touch, and in no list any more (marathon-api 6.6).
        case 'unknown_instance_terminated_event':
        case 'unhealthy_instance_kill_event':
        case 'unhealthy_task_kill_event': {
          const task = parseTaskId(field(event, 'taskId')) ?? instanceAt(event);
          return task === undefined ? undefined : { app, task };
        }
        default:
          return undefined;
      }
    },
  };
}

const wasTold = <T extends object>(state: 'due' | T | undefined): state is T => typeof state === 'object';

/** Only from 1.8 on instances have a goal, and these names; before, an id says `marathon-` there (marathon-api 1.7). */
const hasGoal = (instance: InstanceId): boolean => instance.includes('.instance-');

/** Instance ids have the shape of task ids. */
const instanceAt = (event: JsonRecord): InstanceId | undefined =>
  parseTaskId(field(event, 'instanceId')) as string | undefined as InstanceId | undefined;
