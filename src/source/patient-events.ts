import type { TaskState } from '../core/app.ts';
import { isRecord, type JsonRecord, listAt, recordAt, textAt } from '../core/json.ts';
import { taskState } from '../core/task.ts';

/** Instances that wait for their agent or their container; 1.8 has other names for the first ones (marathon-api 3.6). */
const COMING: ReadonlySet<string> = new Set(['Reserved', 'Created', 'Scheduled', 'Provisioned', 'Staging']);

/** A look may wait; `until-healthy`: where tasks of the app get traffic only once they were found healthy. */
export type Patience = true | 'until-healthy';

/**
 * Says of an event that after it an app's routes go by nothing else than before, and that another event tells when they do: a task of
 * it is staged, and will run or fail; it runs, and will be found healthy; a plan scales the app, and tasks will come or end; somebody has
 * sent its definition, of which the plan tells that is made for it (marathon-api 2.4, 3.5).
 */
export function patienceFor(eventType: string, event: JsonRecord): Patience | undefined {
  switch (eventType) {
    case 'api_post_event':
      return true;
    case 'status_update_event': {
      const status = textAt(event, 'taskStatus');
      return status === '' ? undefined : patienceWith(taskState(status));
    }
    case 'instance_changed_event': {
      const condition = textAt(event, 'condition');
      return patienceWith(COMING.has(condition) ? 'staging' : condition === 'Running' ? 'running' : 'other');
    }
    case 'deployment_info':
      return onlyScales(event) ? true : undefined;
    default:
      return undefined;
  }
}

function patienceWith(state: TaskState | undefined): Patience | undefined {
  if (state === 'running') return 'until-healthy';
  return state === 'staging' ? true : undefined;
}

/** Whether a plan has no other actions than to scale, in steps of any version: up to 0.15 they are lists of lists. */
function onlyScales(event: JsonRecord): boolean {
  const scales = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.every(scales);
    if (!isRecord(value)) return false;
    const actions = listAt(value, 'actions');
    if (actions.length > 0) return actions.every(scales);
    return (textAt(value, 'action') || textAt(value, 'type')) === 'ScaleApplication';
  };
  const steps = listAt(recordAt(event, 'plan'), 'steps');
  return steps.length > 0 && steps.every(scales);
}
