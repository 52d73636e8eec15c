import type { AppId } from '../core/app.ts';
import { parseAppId, parseTaskId } from '../core/identifiers.ts';
import { field, isRecord, type JsonRecord, listAt, recordAt, textAt } from '../core/json.ts';
import type { LeavingTask } from '../core/leaving.ts';
import { taskState } from '../core/task.ts';
import { createDepartures } from './leaving.ts';
import { type Patience, patienceFor } from './patient-events.ts';
import { stoppedApps } from './stopped-apps.ts';

/** The event that tells that a subscription is active (marathon-api 3.3). */
export const ATTACHED = 'event_stream_attached';

/** Types that can change routing: what Marathon is asked to send, and all that is parsed (marathon-api 3.5). */
export const ROUTING_EVENTS = [
  ATTACHED,
  'api_post_event',
  'status_update_event',
  'health_status_changed_event',
  'instance_changed_event',
  'instance_health_changed_event',
  'unhealthy_instance_kill_event',
  'unhealthy_task_kill_event',
  'unknown_instance_terminated_event',
  'app_terminated_event',
  'group_change_success',
  'deployment_info',
  'deployment_step_success',
  'deployment_step_failure',
  'deployment_success',
  'deployment_failed',
  'scheduler_registered_event',
  'scheduler_reregistered_event',
  'scheduler_disconnected_event',
] as const;

/** What an event asks for: a look at some apps, at everything, or nothing. */
export interface EventReading {
  readonly eventType: string;
  readonly scope: 'all' | readonly AppId[];
  /** The task that is about to end, where the event says so. */
  readonly leaving?: LeavingTask;
  /** The task that is out of touch, where the event says so. */
  readonly lost?: LeavingTask;
  /** It names apps, but nothing that routing goes by is different: no look is needed. */
  readonly idle?: true;
  /** The look may wait while much else happens. */
  readonly patient?: Patience;
  /** Apps that it calls destroyed. */
  readonly removed?: readonly AppId[];
}

const ANYTHING = { scope: 'all' } as const;
const PATIENT = { patient: true } as const;

const ROUTING: ReadonlySet<string> = new Set(ROUTING_EVENTS);

/** Plans remembered; a plan is needed for the milliseconds between its announcement and the change of the group. */
const PLANS_KEPT = 100;

/**
 * Makes a reader of one stream's events. The type inside the JSON counts; `frameType` is used where there is none. Text
 * that is no JSON object gives a look at everything if its frame named a type that matters: something happened, and nobody
 * knows to whom.
 *
 * A changed group names no apps, but the deployment that was announced just before it under the same version does
 * (marathon-api 2.6): so that not every change of one app makes Marathon list all of them.
 */
export function createEventReader(): (frameType: string, data: string) => EventReading {
  const plans = new Map<string, { readonly scope: readonly AppId[]; readonly patient?: Patience }>();
  const departures = createDepartures();
  return (frameType, data) => {
    const json = parseRecord(data);
    if (json === undefined) return { eventType: frameType, scope: ROUTING.has(frameType) ? 'all' : [] };
    const eventType = textAt(json, 'eventType') || frameType;
    const scope = scopeOf(eventType, json);
    if (eventType === 'deployment_info' && scope !== 'all' && scope.length > 0) {
      plans.set(textAt(recordAt(json, 'plan'), 'version'), { scope, ...patience(eventType, scope, json) });
      const [oldest] = plans.keys();
      if (plans.size > PLANS_KEPT && oldest !== undefined) plans.delete(oldest);
    }
    if (eventType !== 'group_change_success') {
      const [app] = scope === 'all' ? [] : scope;
      const leaving = app === undefined ? undefined : departures.notice(eventType, app, json);
      const lost = app === undefined ? undefined : lostBy(eventType, app, json);
      const removed = removedBy(eventType, json);
      const idle = leaving === undefined && isStarting(eventType, json);
      const patient = leaving === undefined ? patience(eventType, scope, json) : PATIENT;
      return {
        eventType,
        scope,
        ...(leaving === undefined ? {} : { leaving }),
        ...(lost === undefined ? {} : { lost }),
        ...(idle ? { idle } : {}),
        ...patient,
        ...(removed.length === 0 ? {} : { removed }),
      };
    }
    const version = textAt(json, 'version');
    return { eventType, ...((version === '' ? undefined : plans.get(version)) ?? ANYTHING) };
  };
}

/**
 * A task that starts gets as few requests as one that is staged, of which its app was asked already, and that it runs or has failed
 * will be told (marathon-api 6.1).
 */
function isStarting(eventType: string, json: Readonly<Record<string, unknown>>): boolean {
  if (eventType === 'status_update_event') return textAt(json, 'taskStatus') === 'TASK_STARTING';
  return eventType === 'instance_changed_event' && textAt(json, 'condition') === 'Starting';
}

/** A look at everything never waits. */
function patience(eventType: string, scope: EventReading['scope'], json: JsonRecord): { readonly patient?: Patience } {
  const patient = scope === 'all' ? undefined : patienceFor(eventType, json);
  return patient === undefined ? {} : { patient };
}

/** True for the types that a reader acts upon. */
export const isRoutingEvent = (eventType: string): boolean => ROUTING.has(eventType);

function scopeOf(eventType: string, json: Readonly<Record<string, unknown>>): 'all' | readonly AppId[] {
  switch (eventType) {
    case 'status_update_event':
    case 'health_status_changed_event':
    case 'unhealthy_instance_kill_event':
    case 'unhealthy_task_kill_event':
    case 'app_terminated_event':
      return named(textAt(json, 'appId'));
    case 'instance_changed_event':
    case 'instance_health_changed_event':
    case 'unknown_instance_terminated_event':
      return named(textAt(json, 'runSpecId'));
    case 'api_post_event':
      return named(textAt(recordAt(json, 'appDefinition'), 'id'));
    case 'deployment_info':
    case 'deployment_step_success':
    case 'deployment_step_failure':
    case 'deployment_success':
    case 'deployment_failed':
      return deploymentApps(json);
    case 'group_change_success':
    case 'scheduler_registered_event':
    case 'scheduler_reregistered_event':
    case 'scheduler_disconnected_event':
      return 'all';
    default:
      return [];
  }
}

/** The task that Mesos does not see any more, and that is said to run on for all anybody knows (marathon-api 6.6). */
function lostBy(eventType: string, app: AppId, json: Readonly<Record<string, unknown>>): LeavingTask | undefined {
  if (eventType !== 'status_update_event' || taskState(textAt(json, 'taskStatus')) !== 'unreachable') return undefined;
  const task = parseTaskId(field(json, 'taskId'));
  return task === undefined ? undefined : { app, task };
}

/** The end of an app, by the plan that destroys it or when its last task is gone. */
function removedBy(eventType: string, json: Readonly<Record<string, unknown>>): readonly AppId[] {
  switch (eventType) {
    case 'app_terminated_event': {
      const app = parseAppId(textAt(json, 'appId'));
      return app === undefined ? [] : [app];
    }
    case 'deployment_info':
    case 'deployment_step_success':
    case 'deployment_success':
      return stoppedApps(json);
    default:
      return [];
  }
}

function named(text: string): 'all' | readonly AppId[] {
  const id = parseAppId(text);
  return id === undefined ? 'all' : [id];
}

/** The apps of a plan's steps. Up to 0.15 steps are lists of lists; the oldest ones give no plan at all. */
function deploymentApps(json: Readonly<Record<string, unknown>>): 'all' | readonly AppId[] {
  const plan = recordAt(json, 'plan');
  if (!Array.isArray(field(plan, 'steps'))) return 'all';
  const apps = new Set<AppId>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isRecord(value)) {
      const app = parseAppId(field(value, 'app'));
      if (app !== undefined) apps.add(app);
      walk(listAt(value, 'actions'));
    }
  };
  walk(listAt(plan, 'steps'));
  walk(recordAt(json, 'currentStep'));
  return [...apps].sort();
}

function parseRecord(data: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(data);
    return isRecord(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
