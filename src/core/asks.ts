import type { App } from './app.ts';
import type { Labels, PortLabels } from './label-reader.ts';
import { NO_PORT_LABELS, readLabels } from './label-reader.ts';
import type { Vhost } from './vhost.ts';

/** A port of an app that asks for a host name, whether or not it got it. */
export interface Ask {
  readonly app: App;
  readonly portIndex: number;
  /** Groups by the port's label, else the app's; none: in no group. */
  readonly groups: readonly string[];
  /** Absent: as the node's default says. */
  readonly enabled?: boolean;
}

/** Who asks for a host name by label: the answer to "why is this host not routed" starts here. In app order. */
export function asksFor(apps: readonly App[], host: string): readonly Ask[] {
  // Reading all labels of all apps costs too much for one question; most apps never mention the name.
  const tail = host.slice(host.indexOf('.') + 1);
  const mentions = (app: App): boolean => [...app.labels.values()].some((value) => value.toLowerCase().includes(tail));
  return apps.filter(mentions).flatMap((app) => asksOf(app, readLabels(app), host));
}

function asksOf(app: App, labels: Labels, host: string): readonly Ask[] {
  return app.ports.flatMap((port) => {
    const own: PortLabels = labels.ports.get(port.index) ?? NO_PORT_LABELS;
    if (!own.vhosts?.value?.some((vhost) => answers(vhost, host))) return [];
    const enabled = own.enabled?.value;
    const groups = (own.groups ?? labels.app.appGroups)?.value ?? [];
    return [{ app, portIndex: port.index, groups, ...(enabled === undefined ? {} : { enabled }) }];
  });
}

const answers = (vhost: Vhost, host: string): boolean =>
  vhost.match === 'host' ? vhost.host === host : host.slice(host.indexOf('.')) === vhost.host;
