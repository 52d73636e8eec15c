import type { Cluster, Deployment } from './cluster.ts';
import type { Definition } from './definition.ts';
import { checkJson, definitionJson } from './dialect-app.ts';
import { rootGroup } from './group-json.ts';
import type { Json } from './json.ts';

/** Publishes a deployment event; up to 1.7 the heavy form carries the root groups before and after. */
export function tellPlan(cluster: Cluster, type: string, deployment: Deployment, reason?: string): void {
  const plan = {
    id: deployment.id,
    steps: deployment.steps.map((actions) => ({ actions })),
    version: deployment.version,
  };
  const ended = type === 'deployment_success' || type === 'deployment_failed';
  const body: Json = {
    ...(ended ? { id: deployment.id } : {}),
    plan,
    ...(ended ? {} : { currentStep: { actions: deployment.steps[deployment.current] ?? [] } }),
    ...(reason === undefined ? {} : { reason }),
  };
  if (cluster.options.dialect !== '1.4') {
    cluster.bus.publish(type, body);
    return;
  }
  cluster.bus.publish(type, body, () => {
    const group = rootGroup(cluster, '/', { tasks: false, lastTaskFailure: false, readiness: false, taskStats: false });
    return { plan: { ...plan, original: group, target: group } };
  });
}

/** Publishes that the definition's health checks are registered. */
export function tellAdded(cluster: Cluster, definition: Definition): void {
  for (const check of definition.healthChecks)
    cluster.bus.publish('add_health_check_event', {
      appId: definition.id,
      healthCheck: checkJson(check, cluster.options.dialect),
      version: definition.version,
    });
}

/** Publishes that the definition's health checks are gone. */
export function tellRemoved(cluster: Cluster, definition: Definition): void {
  for (const _check of definition.healthChecks)
    cluster.bus.publish('remove_health_check_event', { appId: definition.id });
}

/** Publishes `api_post_event` with the definition as it is now. */
export function tellApiPost(
  cluster: Cluster,
  api: { readonly uri: string; readonly clientIp: string },
  definition: Definition,
): void {
  cluster.bus.publish('api_post_event', {
    clientIp: api.clientIp,
    uri: api.uri,
    appDefinition: definitionJson(definition, cluster.options.dialect),
  });
}
