import type { AppId } from '../core/app.ts';
import { parseAppId } from '../core/identifiers.ts';
import { field, isRecord, type JsonRecord, listAt, recordAt, textAt } from '../core/json.ts';

/** The actions that destroy an app (marathon-api 2.4): scaling it to nothing and restarting it have other names. */
const STOPS: ReadonlySet<string> = new Set(['StopApplication']);

/** The apps that a deployment destroys, from its entry in the list of deployments or from an event about it. */
export function stoppedApps(deployment: JsonRecord): readonly AppId[] {
  const apps = new Set<AppId>();
  // Up to 0.15 steps are lists of lists; events have the action's name under "type" too, depending on the version.
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isRecord(value)) {
      const app = parseAppId(field(value, 'app'));
      const stops = STOPS.has(textAt(value, 'action')) || STOPS.has(textAt(value, 'type'));
      if (app !== undefined && stops) apps.add(app);
      walk(listAt(value, 'actions'));
    }
  };
  walk(listAt(deployment, 'steps'));
  walk(listAt(deployment, 'currentActions'));
  walk(listAt(recordAt(deployment, 'plan'), 'steps'));
  walk(recordAt(deployment, 'currentStep'));
  return [...apps].sort();
}
