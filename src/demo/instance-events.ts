import type { Cluster, Instance } from './cluster.ts';
import { safeId } from './definition.ts';

/** The instance's id as events and health results carry it. */
export function instanceId(cluster: Cluster, instance: Instance): string {
  const kind = cluster.options.dialect === '1.4' ? 'marathon-' : 'instance-';
  return `${safeId(instance.app)}.${kind}${instance.uuid}`;
}

/** The task's id: ≥ 1.8 counts incarnations of an instance, older versions give each task a UUID of its own. */
export function taskId(cluster: Cluster, instance: Instance): string {
  return cluster.options.dialect === '1.4'
    ? `${safeId(instance.app)}.${instance.uuid}`
    : `${safeId(instance.app)}.instance-${instance.uuid}._app.${instance.incarnation}`;
}

/** IP addresses as Mesos has reported them: none before the task runs. */
export function ipAddresses(instance: Instance): readonly { ipAddress: string; protocol: 'IPv4' }[] {
  return instance.ip === undefined ? [] : [{ ipAddress: instance.ip, protocol: 'IPv4' }];
}

/** Publishes `status_update_event`: the raw Mesos state. */
export function tellStatus(cluster: Cluster, instance: Instance, taskStatus: string, message = ''): void {
  cluster.bus.publish('status_update_event', {
    slaveId: instance.agent?.id ?? '',
    taskId: taskId(cluster, instance),
    taskStatus,
    message,
    appId: instance.app,
    host: instance.agent?.host ?? 'unknown',
    ipAddresses: ipAddresses(instance),
    ports: instance.hostPorts,
    version: instance.definition.version,
  });
}

/** Publishes `instance_changed_event`. */
export function tellCondition(cluster: Cluster, instance: Instance, condition: string): void {
  cluster.bus.publish('instance_changed_event', {
    instanceId: instanceId(cluster, instance),
    condition,
    runSpecId: instance.app,
    agentId: instance.agent?.id ?? null,
    host: instance.agent?.host ?? null,
    runSpecVersion: instance.definition.version,
  });
}

/** Publishes that the instance's goal is now to end: ≥ 1.8 shows it as a repeated condition. Once per instance. */
export function tellGoal(cluster: Cluster, instance: Instance): void {
  if (instance.goalTold) return;
  instance.goalTold = true;
  if (cluster.options.dialect === '1.4') return;
  tellCondition(cluster, instance, conditionOf(cluster, instance));
}

/** The condition that belongs to the instance's state. */
export function conditionOf(cluster: Cluster, instance: Instance): string {
  switch (instance.state) {
    case 'scheduled':
      return cluster.options.dialect === '1.4' ? 'Created' : 'Scheduled';
    case 'TASK_STAGING':
      return cluster.options.dialect === '1.4' ? 'Created' : 'Provisioned';
    case 'TASK_STARTING':
      return 'Starting';
    case 'TASK_RUNNING':
      return 'Running';
    case 'TASK_KILLING':
      return 'Killing';
    case 'TASK_UNREACHABLE':
      return instance.inactive ? 'UnreachableInactive' : 'Unreachable';
    case 'TASK_FAILED':
      return 'Failed';
    case 'TASK_FINISHED':
      return 'Finished';
    case 'TASK_KILLED':
      return 'Killed';
  }
}

/** Publishes the aggregate over all checks: true all alive, false one known not alive, null something unknown. */
export function tellHealth(cluster: Cluster, instance: Instance): void {
  const results = instance.definition.healthChecks.map((_check, index) => instance.health[index]);
  const healthy = results.some((result) => result === undefined) ? null : results.every((result) => result?.alive);
  cluster.bus.publish('instance_health_changed_event', {
    instanceId: instanceId(cluster, instance),
    runSpecId: instance.app,
    healthy,
    runSpecVersion: instance.definition.version,
  });
}
