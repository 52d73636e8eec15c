import type { DaemonEvent } from '../core/events.ts';
import { rememberedLast } from '../core/remembered.ts';

/** Knows what was said before, so that an outage of hours is a few lines and not thousands. */
export interface Repeats {
  /**
   * True for an event that says once more what the last one about the same thing said. Ask in order, and for every event of a type or
   * for none; everybody who does is told the same.
   */
  has(event: DaemonEvent): boolean;
}

/** After this long (ms) the same failure is told again: it still lasts. */
const REMIND_AFTER_MS = 600_000;
/** The same hint about the same apps within this time (ms) tells nothing new: an app that flaps, a deployment of many tasks. */
const HINTS_JOIN_MS = 60_000;
/** Marathon tells most things twice, since 1.4 by its instances too (marathon-api 3.5): the first to come is kept. */
const TOLD_AS = new Map([
  ['instance_changed_event', 'status_update_event'],
  ['instance_health_changed_event', 'health_status_changed_event'],
  ['group_change_success', 'deployment_info'],
  ['deployment_step_success', 'deployment_success'],
]);
/** Things remembered, and of each type of hint; beyond, all are forgotten, which costs a line each. */
const MOST_REMEMBERED = 5_000;
/** Types of hints remembered: they come from outside. */
const MOST_TYPES = 100;

/** Nothing was said yet. */
export function createRepeats(): Repeats {
  const last = new Map<string, { readonly said: string; readonly at: number }>();
  const hinted = createHinted();
  return {
    has: rememberedLast((event) => {
      if (event.type === 'marathon-event') return hinted(event);
      const saying = sayingOf(event);
      if (saying === undefined) return false;
      const { about, said, within } = saying;
      const before = last.get(about);
      if (before?.said === said && event.at - before.at < within) return true;
      if (last.size >= MOST_REMEMBERED) last.clear();
      last.set(about, { said, at: event.at });
      return false;
    }),
  };
}

/** Whether the same was told of the same apps: by type and app, as Marathon says hundreds of things a second, and no text is made of any. */
function createHinted(): (hint: Extract<DaemonEvent, { type: 'marathon-event' }>) => boolean {
  const types = new Map<string, Map<string, number>>();
  return ({ eventType, apps, at }) => {
    const type = TOLD_AS.get(eventType) ?? eventType;
    let times = types.get(type);
    if (times === undefined) {
      if (types.size >= MOST_TYPES) types.clear();
      times = new Map();
      types.set(type, times);
    }
    const [first = ''] = apps;
    const about = apps.length > 1 ? apps.join(' ') : first;
    const before = times.get(about);
    if (before !== undefined && at - before < HINTS_JOIN_MS) return true;
    if (times.size >= MOST_REMEMBERED) times.clear();
    times.set(about, at);
    return false;
  };
}

/** What an event is about and what it says of that; undefined for events that are news each time. */
function sayingOf(
  event: DaemonEvent,
): { readonly about: string; readonly said: string; readonly within: number } | undefined {
  switch (event.type) {
    case 'marathon-request':
      return { about: `${event.op} ${event.endpoint}`, said: event.outcome, within: REMIND_AFTER_MS };
    // Which master did not give a stream this time is in the requests.
    case 'stream-attached':
    case 'stream-lost':
      return { about: 'stream', said: event.type, within: event.type === 'stream-lost' ? REMIND_AFTER_MS : 0 };
    case 'snapshot-taken':
      return { about: 'snapshot', said: 'taken', within: REMIND_AFTER_MS };
    case 'snapshot-failed':
      return { about: 'snapshot', said: event.failure.kind, within: REMIND_AFTER_MS };
    case 'reload-held':
      return { about: 'reload-held', said: event.because, within: REMIND_AFTER_MS };
    default:
      return undefined;
  }
}
