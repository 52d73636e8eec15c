import { type Cluster, type ClusterApp, type Deployment, type Instance, toMs } from './cluster.ts';
import { taskId } from './instance-events.ts';
import { asList, asNumber, asObject, asText, type Json } from './json.ts';
import { probe } from './probe.ts';

/** Whether new instances may be counted on, for as long as one action of a deployment runs. */
export interface Readiness {
  /** Asks those of these instances that run and have not passed; passed is for good. */
  ask(instances: readonly Instance[]): void;
  isReady(instance: Instance): boolean;
}

/** Marathon's own times and codes where a check names none. */
const INTERVAL_SECONDS = 30;
const TIMEOUT_SECONDS = 10;

/**
 * Readiness checks run only while a deployment starts instances, and what they found is known to that deployment alone
 * (marathon-api 1.8). An app without any is ready at once.
 */
export function createReadiness(cluster: Cluster, app: ClusterApp, deployment: Deployment): Readiness {
  const check = asObject(asList(app.definition.rest['readinessChecks'])[0]);
  const asking = new Set<Instance>();

  const isReady = (instance: Instance): boolean =>
    check === undefined || deployment.readiness.get(taskId(cluster, instance))?.['ready'] === true;

  const isOver = (instance: Instance): boolean =>
    deployment.cancelled ||
    !cluster.deployments.has(deployment.id) ||
    !app.instances.has(instance) ||
    instance.state !== 'TASK_RUNNING' ||
    instance.killing;

  const askAgain = async (instance: Instance, of: Json): Promise<void> => {
    while (!isOver(instance) && !isReady(instance)) {
      const found = await ready(cluster, instance, of);
      if (isOver(instance)) break;
      deployment.readiness.set(taskId(cluster, instance), { ...found, name: asText(of['name']) ?? 'readinessCheck' });
      cluster.touch(app.id);
      if (found.ready) break;
      if (!(await cluster.timers.sleep(toMs(cluster, asNumber(of['intervalSeconds']) ?? INTERVAL_SECONDS)))) break;
    }
    asking.delete(instance);
  };

  return {
    isReady,
    ask: (instances) => {
      if (check === undefined) return;
      for (const instance of instances) {
        if (asking.has(instance) || isReady(instance) || isOver(instance)) continue;
        asking.add(instance);
        void askAgain(instance, check);
      }
    },
  };
}

async function ready(cluster: Cluster, instance: Instance, check: Json) {
  const task = taskId(cluster, instance);
  // What exists on paper only is ready as soon as it would be.
  if (instance.task === undefined) {
    const afterMs = Number(asText(instance.definition.env['TASK_READY_AFTER_MS']) ?? 0);
    return { taskId: task, ready: Date.now() - Date.parse(instance.startedAt ?? '') >= afterMs };
  }
  const portIndex = instance.definition.ports.findIndex(({ name }) => name === asText(check['portName']));
  const verdict = await probe(
    instance,
    {
      protocol: 'HTTP',
      path: asText(check['path']) ?? '/',
      portIndex: Math.max(0, portIndex),
      gracePeriodSeconds: 0,
      intervalSeconds: 0,
      timeoutSeconds: 0,
      maxConsecutiveFailures: 0,
      rest: {},
    },
    toMs(cluster, asNumber(check['timeoutSeconds']) ?? TIMEOUT_SECONDS),
  );
  const status = Number(/^\d{3}/.exec(verdict ?? '200')?.[0] ?? 0);
  const keeps = check['preserveLastResponse'] === true && status > 0;
  return {
    taskId: task,
    ready: verdict === undefined,
    ...(keeps ? { lastResponse: { status, contentType: 'text/plain', body: verdict ?? 'ready' } } : {}),
  };
}

/** The results of an app as its running deployments know them. */
export function readinessResults(cluster: Cluster, app: ClusterApp): readonly Json[] {
  const tasks = new Set([...app.instances].map((instance) => taskId(cluster, instance)));
  return [...cluster.deployments.values()].flatMap(({ readiness }) =>
    [...readiness].flatMap(([task, result]) => (tasks.has(task) ? [result] : [])),
  );
}
