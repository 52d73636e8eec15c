import type { AppId } from './app.ts';
import type { DaemonEventBody } from './events.ts';
import type { Quarantined } from './quarantine.ts';

/** That an app is held, as an event. */
export function heldEvent(app: AppId, entry: Quarantined): DaemonEventBody {
  const { message, step, label, value, unread } = entry;
  return {
    type: 'app-quarantined',
    ...(unread ? { unread } : {}),
    app,
    message,
    keeps: step === 'out' ? 'nothing' : 'last-good',
    ...(label === undefined ? {} : { label }),
    ...(value === undefined ? {} : { value }),
  };
}
