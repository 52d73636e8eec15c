import type { App } from './app.ts';
import type { Labels } from './label-reader.ts';
import { NO_PORT_LABELS } from './label-reader.ts';
import type { Settings } from './settings.ts';

/** An app with its labels read. */
export interface LabelledApp {
  readonly app: App;
  readonly labels: Labels;
}

/** Whether an app is ours to serve: one of its ports, or an app without ports itself, is in one of the node's groups. */
export function isOurs({ app, labels }: LabelledApp, settings: Settings): boolean {
  return app.ports.length === 0
    ? matches(labels.app.appGroups?.value ?? [], settings)
    : app.ports.some((port) => isInGroup(labels, port.index, settings));
}

/** Whether a port is served: it is in one of the node's groups, and enabled. */
export function isServed(labels: Labels, portIndex: number, settings: Settings): boolean {
  const { enabled } = labels.ports.get(portIndex) ?? NO_PORT_LABELS;
  return isInGroup(labels, portIndex, settings) && (enabled?.value ?? !settings.strictMode);
}

/** A port's own groups replace the app's, also when there are none. */
function isInGroup(labels: Labels, portIndex: number, settings: Settings): boolean {
  const { groups = labels.app.appGroups } = labels.ports.get(portIndex) ?? NO_PORT_LABELS;
  return matches(groups?.value ?? [], settings);
}

const matches = (groups: readonly string[], { group }: Settings): boolean =>
  group.includes('*') || groups.some((name) => group.includes(name));
