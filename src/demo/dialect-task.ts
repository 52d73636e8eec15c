import { type Cluster, type ClusterApp, type HealthResult, type Instance, isHealthy } from './cluster.ts';
import { definitionJson } from './dialect-app.ts';
import { instanceId, ipAddresses, taskId } from './instance-events.ts';
import { defined, type Json } from './json.ts';
import { readinessResults } from './readiness.ts';

/** Extra parts of an app's JSON (`embed`). */
export interface Embeds {
  readonly tasks: boolean;
  readonly lastTaskFailure: boolean;
  readonly readiness: boolean;
  readonly taskStats: boolean;
}

/** The app as `/v2/apps` shows it: definition, counts, deployments and what was asked to be embedded. */
export function appJson(cluster: Cluster, app: ClusterApp, embeds: Embeds): Json {
  const shown = [...app.instances].filter((instance) => instance.state !== 'scheduled');
  const count = (holds: (instance: Instance) => boolean): number => shown.filter(holds).length;
  const checked = app.definition.healthChecks.length > 0;
  return {
    ...definitionJson(app.definition, cluster.options.dialect),
    tasksStaged: count((instance) => instance.state === 'TASK_STAGING' || instance.state === 'TASK_STARTING'),
    tasksRunning: count((instance) => instance.state === 'TASK_RUNNING'),
    tasksHealthy: checked ? count(isHealthy) : 0,
    tasksUnhealthy: checked ? count((i) => i.state === 'TASK_RUNNING' && i.health.some((r) => r?.alive === false)) : 0,
    deployments: deploymentsOf(cluster, app.id),
    ...(embeds.tasks ? { tasks: tasksJson(cluster, app) } : {}),
    ...(embeds.lastTaskFailure && app.lastTaskFailure !== undefined ? { lastTaskFailure: app.lastTaskFailure } : {}),
    ...(embeds.readiness ? { readinessCheckResults: readinessResults(cluster, app) } : {}),
    ...(embeds.taskStats ? { [cluster.options.dialect === '1.4' ? 'taskStats' : 'tasksStats']: statsJson(shown) } : {}),
  };
}

/** Ids of the running deployments that touch the app. */
function deploymentsOf(cluster: Cluster, app: string): readonly { readonly id: string }[] {
  return [...cluster.deployments.values()].flatMap(({ id, apps }) => (apps.has(app) ? [{ id }] : []));
}

/** The app's tasks, in any order. */
export function tasksJson(cluster: Cluster, app: ClusterApp, servicePorts = false): readonly Json[] {
  const shown = [...app.instances].filter((instance) => instance.state !== 'scheduled');
  const listed = cluster.options.shuffle ? cluster.random.shuffled(shown) : shown;
  return listed.map((instance) => taskJson(cluster, instance, servicePorts));
}

/** One task (marathon-api 1.4): what only active tasks carry is left out of ended ones, in the dialect's way. */
export function taskJson(cluster: Cluster, instance: Instance, servicePorts = false): Json {
  const old = cluster.options.dialect === '1.4';
  const active = !['TASK_FAILED', 'TASK_FINISHED', 'TASK_KILLED'].includes(instance.state);
  const addresses = ipAddresses(instance);
  const results = instance.health.flatMap((result) =>
    result === undefined ? [] : [healthJson(result, instanceId(cluster, instance), old)],
  );
  const health = cluster.options.shuffle ? cluster.random.shuffled(results) : results;
  const ports = instance.definition.discovery ? [] : instance.definition.ports.map((port) => port.servicePort);
  const common = {
    appId: instance.app,
    id: taskId(cluster, instance),
    host: instance.agent?.host ?? '',
    slaveId: instance.agent?.id ?? '',
    state: instance.state,
    ...(active
      ? defined({
          ports: instance.hostPorts,
          stagedAt: instance.stagedAt,
          startedAt: instance.startedAt,
          version: instance.definition.version,
        })
      : {}),
  };
  if (old)
    return {
      ...common,
      ...(addresses.length > 0 ? { ipAddresses: addresses } : {}),
      ...(health.length > 0 ? { healthCheckResults: health } : {}),
      ...(servicePorts ? { servicePorts: ports } : {}),
    };
  return {
    ports: [],
    ...common,
    ipAddresses: active ? addresses : [],
    healthCheckResults: active ? health : [],
    servicePorts: servicePorts ? ports : [],
    localVolumes: [],
    role: instance.definition.rest['role'],
  };
}

function healthJson(result: HealthResult, instance: string, nulls: boolean): Json {
  const times = {
    firstSuccess: result.firstSuccess,
    lastFailure: result.lastFailure,
    lastFailureCause: result.lastFailureCause,
    lastSuccess: result.lastSuccess,
  };
  return {
    alive: result.alive,
    consecutiveFailures: result.consecutiveFailures,
    ...(nulls ? Object.fromEntries(Object.entries(times).map(([key, time]) => [key, time ?? null])) : defined(times)),
    instanceId: instance,
  };
}

function statsJson(shown: readonly Instance[]): Json {
  const running = shown.filter((instance) => instance.state === 'TASK_RUNNING');
  const counts = {
    staged: shown.filter((i) => i.state === 'TASK_STAGING' || i.state === 'TASK_STARTING').length,
    running: running.length,
    healthy: running.filter((i) => i.definition.healthChecks.length > 0 && isHealthy(i)).length,
    unhealthy: running.filter((i) => i.health.some((result) => result?.alive === false)).length,
  };
  return { totalSummary: { stats: { counts } } };
}
