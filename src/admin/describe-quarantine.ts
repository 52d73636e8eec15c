import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import { type Description, line } from './event-line.ts';

/** What becomes of apps that HAProxy refuses, in words. */
export function describeQuarantine(
  event: Extract<DaemonEvent, { type: 'app-quarantined' | 'app-released' }>,
): Description {
  switch (event.type) {
    case 'app-quarantined': {
      const { app, label, value } = event;
      const keeps = event.keeps === 'last-good' ? 'its last good form serves on' : 'it is left out';
      const who = event.unread ? 'a label keeps from being served' : 'HAProxy refuses';
      const message = `${who} what ${app} asks for, ${keeps}: ${event.message}`;
      return line('warn', message, { apps: [app], keeps: event.keeps, label, value });
    }
    case 'app-released':
      return line('info', `${event.app} is served as it asks again`, { apps: [event.app] });
    default:
      return unreachable(event);
  }
}
