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

/** Brings the app to its wanted number of instances and waits until all are healthy. False: cancelled. */
export function scale(
  cluster: Cluster,
  instances: Instances,
  app: ClusterApp,
  deployment: Deployment,
): Promise<boolean> {
  const target = app.definition.instances;
  const present = wantedInstances(app);
  if (present.length < target) instances.launch(app, app.definition, target - present.length);
  const victims = byKillSelection(app, present).slice(0, Math.max(0, present.length - target));
  for (const victim of victims) void instances.kill(app, victim, false);
  const readiness = createReadiness(cluster, app, deployment);
  // Those that were there before are not asked.
  const before = new Set(present);
  const counts = (instance: Instance): boolean =>
    isHealthy(instance) && (before.has(instance) || readiness.isReady(instance));
  return cluster.until(
    app.id,
    () => {
      const wanted = wantedInstances(app);
      readiness.ask(wanted.filter((instance) => !before.has(instance)));
      const leaving = [...app.instances].some((instance) => !instance.wanted);
      return !leaving && wanted.length >= target && wanted.filter(counts).length >= target;
    },
    () => deployment.cancelled,
  );
}

/** Ends all instances of a deleted app and waits until the last is gone. */
export async function stop(
  cluster: Cluster,
  instances: Instances,
  app: ClusterApp,
  deployment: Deployment,
): Promise<boolean> {
  for (const instance of [...app.instances]) void instances.kill(app, instance, false);
  const gone = await cluster.until(
    app.id,
    () => app.instances.size === 0,
    () => deployment.cancelled,
  );
  if (gone) cluster.bus.publish('app_terminated_event', { appId: app.id });
  return gone;
}

/** Those to be killed first in front: not yet running ones, then by age as the app selects. */
function byKillSelection(app: ClusterApp, present: readonly Instance[]): readonly Instance[] {
  const sign = app.definition.killSelection === 'OLDEST_FIRST' ? 1 : -1;
  const running = (instance: Instance): number => (instance.state === 'TASK_RUNNING' ? 1 : 0);
  return present.toSorted((a, b) => running(a) - running(b) || sign * (a.birth - b.birth));
}
