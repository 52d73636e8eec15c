import type { Cluster } from './cluster.ts';
import { checkJson } from './dialect-app.ts';
import type { HealthChecks } from './health.ts';
import { tellStatus } from './instance-events.ts';
import type { Master } from './master.ts';

/** Who leads. */
export interface Elections {
  leader(): Master | undefined;
  streamsReady(): boolean;
  /** The leader's process ends and restarts; another master is elected (the same one if it is alone). Resolves when the new one answers. */
  change(): Promise<void>;
}

/** Leader changes as clients see them (marathon-api 4.6, 6.8). `masters` may still grow; the first leads at the start. */
export function createElections(cluster: Cluster, health: HealthChecks, masters: readonly Master[]): Elections {
  const { delays } = cluster.options;
  let leading = 0;
  let elected = true;
  let streamsReady = true;

  const change = async (): Promise<void> => {
    if (!elected) return;
    elected = false;
    streamsReady = false;
    const old = masters[leading];
    cluster.bus.publish('scheduler_disconnected_event', {});
    old?.endStreams();
    // The streams' ends go out before the process does.
    await cluster.timers.sleep(0);
    await old?.listener.close();
    await cluster.timers.sleep(delays.election);
    if (cluster.timers.stopped) return;
    leading = (leading + 1) % masters.length;
    health.forgetAll();
    for (const { readiness } of cluster.deployments.values()) readiness.clear();
    for (const app of cluster.apps.keys()) cluster.touch(app);
    if (old !== undefined && !old.faults.has('refuse')) await old.listener.open();
    elected = true;
    cluster.timers.after(delays.streamRace, () => {
      streamsReady = true;
    });
    cluster.timers.after(delays.streamRace + delays.reregister, () => {
      cluster.bus.publish('scheduler_reregistered_event', { master: `${cluster.options.address}:5050` });
      for (const app of cluster.apps.values())
        for (const check of app.definition.healthChecks)
          cluster.bus.publish('add_health_check_event', {
            appId: app.id,
            healthCheck: checkJson(check, cluster.options.dialect),
            version: app.definition.version,
          });
      // Reconciliation repeats what is known, changed or not.
      for (const app of cluster.apps.values())
        for (const instance of app.instances)
          if (instance.state === 'TASK_RUNNING')
            tellStatus(cluster, instance, 'TASK_RUNNING', 'Reconciliation: Latest task state');
    });
  };

  return {
    leader: () => (elected ? masters[leading] : undefined),
    streamsReady: () => streamsReady,
    change,
  };
}
