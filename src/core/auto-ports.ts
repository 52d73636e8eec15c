import type { App } from './app.ts';
import type { RoutedApp } from './deployments.ts';
import type { Difference } from './difference.ts';
import { NO_PORT_LABELS } from './label-reader.ts';
import type { LabelledApp } from './selection.ts';
import { isServed } from './selection.ts';
import { assignPorts, autoPortKey } from './service-ports.ts';
import type { Settings } from './settings.ts';

/** Whoever may have a port of the range. */
interface Cluster {
  readonly apps: readonly App[];
  readonly own: readonly LabelledApp[];
}

/** Automatic service ports of a node, by what they are remembered by. */
export interface AutoPorts {
  /** Ports for all services that need one; the map of before when they are as they were. */
  change(
    routed: Difference<RoutedApp>,
    cluster: () => Cluster,
    before: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, number>;
  /** Apps that need some: the key of each of their ports that does, by its place in `ports`. */
  wanted(): ReadonlyMap<RoutedApp, readonly (string | undefined)[]>;
}

/** Only services in container mode need one, and only where neither Marathon nor a label gave them any. */
export function createAutoPorts(settings: Settings): AutoPorts {
  const range = { min: settings.minServPortIpPerTask, max: settings.maxServPortIpPerTask };
  const { httpBind, httpsBind, appidBind, statsBind, adminBind } = settings;
  const reserved = new Set([...httpBind, ...httpsBind, ...appidBind, ...statsBind, adminBind].map(({ port }) => port));
  const wanted = new Map<RoutedApp, readonly (string | undefined)[]>();
  return {
    change({ gone, came }, cluster, before) {
      for (const routed of gone) wanted.delete(routed);
      for (const routed of came) {
        const keys = keysOf(routed, settings);
        if (keys.some((key) => key !== undefined)) wanted.set(routed, keys);
      }
      const keys = [...wanted.values()].flat().filter((key) => key !== undefined);
      const now = assignPorts(keys, range, before, () => portsInUse(cluster()), reserved);
      return now.size === before.size && [...now].every(([key, port]) => before.get(key) === port) ? before : now;
    },
    wanted: () => wanted,
  };
}

function keysOf({ id, app, labels }: RoutedApp, settings: Settings): readonly (string | undefined)[] {
  if (app.network !== 'container') return [];
  return app.ports.map((port) => {
    const given = labels.ports.get(port.index)?.port?.value ?? port.servicePort;
    const needsOne = given === undefined && port.protocol === 'tcp' && isServed(labels, port.index, settings);
    return needsOne ? autoPortKey(app, id, port) : undefined;
  });
}

/** Those that Marathon or a label gave to anybody. */
function portsInUse({ apps, own }: Cluster): ReadonlySet<number> {
  const given = apps.flatMap(({ ports }) => ports.flatMap(({ servicePort }) => servicePort ?? []));
  const labelled = own.flatMap(({ app, labels }) =>
    app.ports.flatMap(({ index }) => (labels.ports.get(index) ?? NO_PORT_LABELS).port?.value ?? []),
  );
  return new Set([...given, ...labelled]);
}
