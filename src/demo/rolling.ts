import {
  type Cluster,
  type ClusterApp,
  type Deployment,
  type Instance,
  isHealthy,
  wantedInstances,
} from './cluster.ts';
import type { Instances } from './instances.ts';
import { createReadiness } from './readiness.ts';

/**
 * Replaces all instances of older configurations (marathon-api 2.6): never fewer healthy ones than
 * minimumHealthCapacity asks, never more running ones than maximumOverCapacity allows. False: cancelled.
 */
export function restart(
  cluster: Cluster,
  instances: Instances,
  app: ClusterApp,
  deployment: Deployment,
): Promise<boolean> {
  const { definition } = app;
  const target = definition.instances;
  const isNew = (instance: Instance): boolean => instance.definition.version >= definition.lastConfigChangeAt;
  const older = (): readonly Instance[] =>
    wantedInstances(app)
      .filter((instance) => !isNew(instance))
      .toSorted((a, b) => Number(isHealthy(a)) - Number(isHealthy(b)) || a.birth - b.birth);
  const newer = (): readonly Instance[] => wantedInstances(app).filter(isNew);

  const readiness = createReadiness(cluster, app, deployment);
  const counts = (instance: Instance): boolean => isHealthy(instance) && readiness.isReady(instance);

  const minimum = Math.ceil(target * definition.minimumHealthCapacity);
  const present = older();
  // The unhealthy ones are killed first, so counting all of them never costs a healthy one below the minimum.
  const atOnce = Math.max(0, present.length - minimum);
  const capacity = Math.floor(target * (1 + definition.maximumOverCapacity));
  // Nothing may be killed and nothing added: one extra instance gets the upgrade going.
  const limit = minimum === capacity && capacity <= present.length ? capacity + 1 : capacity;
  const proven = new Set<string>();
  let killed = 0;

  const step = (): void => {
    readiness.ask(newer());
    for (const instance of newer()) if (counts(instance)) proven.add(instance.uuid);
    const complete = newer().filter(counts).length >= target;
    const allowed = complete ? Number.POSITIVE_INFINITY : atOnce + proven.size;
    for (const victim of older()) {
      if (killed >= allowed) break;
      killed++;
      void instances.kill(app, victim, false);
    }
    const missing = target - newer().length;
    const room = limit - app.instances.size;
    if (Math.min(missing, room) > 0) instances.launch(app, definition, Math.min(missing, room));
    for (const surplus of newer().slice(target)) void instances.kill(app, surplus, false);
  };

  let stepping = false;
  return cluster.until(
    app.id,
    () => {
      // Killing and launching tell of changes themselves.
      if (stepping) return false;
      stepping = true;
      step();
      stepping = false;
      return newer().filter(counts).length >= target && newer().length === target && app.instances.size === target;
    },
    () => deployment.cancelled,
  );
}
