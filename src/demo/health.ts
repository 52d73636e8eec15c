import { type Cluster, type ClusterApp, type HealthResult, type Instance, toMs } from './cluster.ts';
import type { HealthCheckSpec } from './definition.ts';
import { checkJson } from './dialect-app.ts';
import { instanceId, taskId, tellHealth } from './instance-events.ts';
import type { HealthHooks } from './instances.ts';
import { probe, type Verdict } from './probe.ts';

/** Health checks of all instances. */
export interface HealthChecks extends HealthHooks {
  /** Takes a verdict as if a probe had brought it. `undefined` makes the health unknown. */
  set(app: ClusterApp, instance: Instance, alive: boolean | undefined): void;
  /** The leader changed: results of checks that the leader ran are gone, probing starts anew. */
  forgetAll(): void;
}

/** Marathon seconds until a check first runs, at most (marathon-api 1.7). */
const FIRST_RUN_SECONDS = 5;

/** Runs the checks. `kill` ends an instance that failed too often. */
export function createHealthChecks(
  cluster: Cluster,
  kill: (app: ClusterApp, instance: Instance) => void,
): HealthChecks {
  const probing = new Map<Instance, Set<() => void>>();
  const byHand = cluster.options.health === 'manual';

  const schedule = (
    app: ClusterApp,
    instance: Instance,
    index: number,
    check: HealthCheckSpec,
    first: boolean,
  ): void => {
    const cancels = probing.get(instance);
    if (cancels === undefined) return;
    const seconds = first ? Math.min(check.intervalSeconds, FIRST_RUN_SECONDS) : check.intervalSeconds;
    const cancel = cluster.timers.after(toMs(cluster, seconds), () => {
      cancels.delete(cancel);
      void probe(instance, check, toMs(cluster, check.timeoutSeconds)).then((verdict) => {
        // Ended or started anew meanwhile: this round belongs to nobody.
        if (probing.get(instance) !== cancels || instance.state !== 'TASK_RUNNING') return;
        record(app, instance, index, verdict);
        schedule(app, instance, index, check, false);
      });
    });
    cancels.add(cancel);
  };

  const record = (app: ClusterApp, instance: Instance, index: number, verdict: Verdict): void => {
    const check = instance.definition.healthChecks[index];
    if (check === undefined) return;
    const before = instance.health[index];
    const now = new Date().toISOString();
    if (verdict === undefined) {
      instance.health[index] = { ...succeeded(before, now) };
      if (before?.alive !== true) tellFlip(app, instance, true);
    } else if (before?.firstSuccess === undefined && before?.lastFailure === undefined && inGrace(instance, check)) {
      instance.health[index] = { alive: false, consecutiveFailures: 0 };
      if (before === undefined) tellHealth(cluster, instance);
    } else {
      const failures = before?.consecutiveFailures ?? 0;
      instance.health[index] = {
        ...before,
        alive: false,
        consecutiveFailures: failures + 1,
        lastFailure: now,
        lastFailureCause: verdict,
      };
      tellFailure(instance, check);
      if (before?.alive === true || before === undefined) tellFlip(app, instance, false);
      const limit = check.maxConsecutiveFailures;
      if (limit > 0 && failures >= limit) killUnhealthy(app, instance, verdict);
    }
    cluster.touch(app.id);
  };

  const inGrace = (instance: Instance, check: HealthCheckSpec): boolean =>
    Date.now() - Date.parse(instance.startedAt ?? '') < toMs(cluster, check.gracePeriodSeconds);

  const tellFlip = (app: ClusterApp, instance: Instance, alive: boolean): void => {
    tellHealth(cluster, instance);
    cluster.bus.publish('health_status_changed_event', {
      appId: app.id,
      instanceId: instanceId(cluster, instance),
      version: instance.definition.version,
      alive,
    });
  };

  const tellFailure = (instance: Instance, check: HealthCheckSpec): void => {
    const key = cluster.options.dialect === '1.4' ? 'instanceId' : 'taskId';
    cluster.bus.publish('failed_health_check_event', {
      appId: instance.app,
      healthCheck: checkJson(check, cluster.options.dialect),
      [key]: instanceId(cluster, instance),
    });
  };

  const killUnhealthy = (app: ClusterApp, instance: Instance, reason: string): void => {
    cluster.bus.publish('unhealthy_instance_kill_event', {
      appId: app.id,
      taskId: taskId(cluster, instance),
      instanceId: instanceId(cluster, instance),
      version: instance.definition.version,
      reason,
      host: instance.agent?.host ?? 'unknown',
      slaveId: instance.agent?.id ?? '',
    });
    if (instance.agent?.alive !== false) kill(app, instance);
  };

  const running = (app: ClusterApp, instance: Instance): void => {
    if (byHand || instance.definition.healthChecks.length === 0) return;
    if (cluster.options.tasks === 'paper') {
      instance.definition.healthChecks.forEach((_check, index) => {
        record(app, instance, index, undefined);
      });
      return;
    }
    probing.set(instance, new Set());
    instance.definition.healthChecks.forEach((check, index) => {
      schedule(app, instance, index, check, true);
    });
  };

  const ended = (instance: Instance): void => {
    for (const cancel of probing.get(instance) ?? []) cancel();
    probing.delete(instance);
  };

  return {
    running,
    ended,
    set: (app, instance, alive) => {
      if (alive === undefined) instance.health = [];
      else
        instance.definition.healthChecks.forEach((_check, index) => {
          record(app, instance, index, alive ? undefined : '503 Service Unavailable');
        });
      cluster.touch(app.id);
    },
    forgetAll: () => {
      for (const app of cluster.apps.values())
        for (const instance of app.instances) {
          ended(instance);
          instance.health = instance.definition.healthChecks.map((check, index) =>
            // Agents report what they check themselves, and the report is stored.
            check.protocol.startsWith('MESOS') || check.protocol === 'COMMAND' ? instance.health[index] : undefined,
          );
          if (instance.state === 'TASK_RUNNING') running(app, instance);
        }
    },
  };
}

function succeeded(before: HealthResult | undefined, now: string): HealthResult {
  return {
    ...before,
    alive: true,
    consecutiveFailures: 0,
    firstSuccess: before?.firstSuccess ?? now,
    lastSuccess: now,
  };
}
