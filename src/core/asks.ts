import type { App } from './app.ts';
import { parseBoolean, parseNames } from './label-parsers.ts';
import type { Vhost } from './vhost.ts';
import { parseVhosts } from './vhost.ts';

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
  return apps.flatMap((app) =>
    app.ports.filter((port) => wants(app, port.index, host)).map((port) => askOf(app, port.index)),
  );
}

/** A per-port label's text: the indexed form wins; the unindexed one means index 0. */
function labelOf(app: App, portIndex: number, name: string): string | undefined {
  const indexed = app.labels.get(`HAPROXY_${portIndex}_${name}`);
  return indexed === undefined && portIndex === 0 ? app.labels.get(`HAPROXY_${name}`) : indexed;
}

function wants(app: App, portIndex: number, host: string): boolean {
  const text = labelOf(app, portIndex, 'VHOST');
  return text !== undefined && (parseVhosts(text).value ?? []).some((vhost) => answers(vhost, host));
}

function askOf(app: App, portIndex: number): Ask {
  const groups = labelOf(app, portIndex, 'GROUP') ?? app.labels.get('HAPROXY_GROUP');
  const enabled = labelOf(app, portIndex, 'ENABLED');
  const value = enabled === undefined ? undefined : parseBoolean(enabled).value;
  return {
    app,
    portIndex,
    groups: groups === undefined ? [] : (parseNames(groups).value ?? []),
    ...(value === undefined ? {} : { enabled: value }),
  };
}

const answers = (vhost: Vhost, host: string): boolean =>
  vhost.match === 'host' ? vhost.host === host : host.slice(host.indexOf('.')) === vhost.host;
