import { type Change, stepsOf } from './changes.ts';
import type { Cluster, ClusterApp, Deployment, DeploymentAction } from './cluster.ts';
import type { Definition } from './definition.ts';
import { tellAdded, tellApiPost, tellPlan, tellRemoved } from './deployment-events.ts';
import { tellGoal } from './instance-events.ts';
import type { Instances } from './instances.ts';
import { restart } from './rolling.ts';
import { scale, stop } from './scaling.ts';

/** How a write went. */
type Submitted =
  | { readonly ok: true; readonly deployment: Deployment }
  | { readonly ok: false; readonly locked: readonly string[] };

/** How a write is made known. */
export interface Posted {
  readonly force: boolean;
  /** Single-app POST, PUT and PATCH only: they alone publish `api_post_event`. */
  readonly api?: { readonly uri: string; readonly clientIp: string };
}

/** Deployments: one at a time per app, step by step. */
export interface Deployments {
  /** Starts a deployment; resolves when the new definitions are stored, while the deployment runs on. Not re-entrant. */
  submit(changes: readonly Change[], posted: Posted): Promise<Submitted>;
  /** Ends a deployment without roll-back. */
  cancel(deployment: Deployment, reason: string): void;
}

/** Runs deployments in the order of events that Marathon has (marathon-api 2.6, 6.1–6.4). */
export function createDeployments(cluster: Cluster, instances: Instances): Deployments {
  const cancel = (deployment: Deployment, reason: string): void => {
    deployment.cancelled = true;
    cluster.deployments.delete(deployment.id);
    tellPlan(cluster, 'deployment_failed', deployment, reason);
    for (const app of deployment.apps) cluster.touch(app);
  };

  const submit = async (changes: readonly Change[], posted: Posted): Promise<Submitted> => {
    const effective = changes.filter((change) => change.kind !== 'none');
    const touched = new Set(effective.map((change) => change.app));
    const conflicts = [...cluster.deployments.values()].filter(({ apps }) => [...apps].some((app) => touched.has(app)));
    if (conflicts.length > 0 && !posted.force) return { ok: false, locked: conflicts.map(({ id }) => id) };
    for (const conflict of conflicts) cancel(conflict, 'The upgrade has been cancelled');

    const leaving = effective.flatMap(({ kind, app }) => (kind === 'delete' ? (cluster.apps.get(app) ?? []) : []));
    const deployment = begin(effective, touched);
    if (effective.length > 0) cluster.deployments.set(deployment.id, deployment);
    announce(deployment, effective, leaving);
    await cluster.timers.sleep(cluster.options.delays.store);
    for (const change of effective) store(change);
    cluster.version = deployment.version;
    if (effective.length > 0) {
      cluster.bus.publish('group_change_success', { groupId: '/', version: deployment.version });
      if (deployment.current > 0) tellPlan(cluster, 'deployment_info', deployment);
    }
    const only = changes[0];
    if (posted.api !== undefined && only !== undefined && only.kind !== 'delete')
      tellApiPost(cluster, posted.api, only.definition);
    for (const app of touched) cluster.touch(app);
    cluster.timers.after(0, () => void run(deployment, leaving));
    return { ok: true, deployment };
  };

  const begin = (changes: readonly Change[], apps: ReadonlySet<string>): Deployment => {
    const versions = changes.flatMap((change) => (change.kind === 'delete' ? [] : [change.definition.version]));
    return {
      id: cluster.random.uuid(),
      version: versions.at(-1) ?? cluster.nextVersion(),
      steps: stepsOf(changes),
      apps,
      originals: new Map(
        [...apps].map((app): [string, Definition | undefined] => [app, cluster.apps.get(app)?.definition]),
      ),
      readiness: new Map(),
      current: 0,
      cancelled: false,
    };
  };

  /** What is told before the new definitions can be seen. */
  const announce = (deployment: Deployment, changes: readonly Change[], leaving: readonly ClusterApp[]): void => {
    if (deployment.steps.length === 0) return;
    tellPlan(cluster, 'deployment_info', deployment);
    for (const app of leaving) for (const instance of app.instances) tellGoal(cluster, instance);
    for (const app of leaving) tellRemoved(cluster, app.definition);
    for (const change of changes)
      if (change.kind === 'create' || change.kind === 'restart') tellAdded(cluster, change.definition);
    // Starting an app is no more than knowing it: the step ends at once.
    if (deployment.steps[0]?.every(({ action }) => action === 'StartApplication')) {
      tellPlan(cluster, 'deployment_step_success', deployment);
      deployment.current = 1;
    }
  };

  const store = (change: Change): void => {
    for (const port of cluster.apps.get(change.app)?.definition.ports ?? [])
      cluster.servicePorts.delete(port.servicePort);
    if (change.kind !== 'delete')
      for (const port of change.definition.ports)
        if (port.servicePort > 0) cluster.servicePorts.set(port.servicePort, change.app);
    if (change.kind === 'delete') {
      cluster.apps.delete(change.app);
      return;
    }
    const app = cluster.apps.get(change.app);
    if (app === undefined) {
      const { definition } = change;
      cluster.apps.set(change.app, { id: change.app, definition, versions: [definition], instances: new Set() });
      return;
    }
    app.definition = change.definition;
    app.versions = [change.definition, ...app.versions].slice(0, cluster.options.maxVersions);
  };

  const run = async (deployment: Deployment, leaving: readonly ClusterApp[]): Promise<void> => {
    let told = deployment.current;
    for (const step of deployment.steps.slice(deployment.current)) {
      deployment.current = deployment.steps.indexOf(step);
      deployment.readiness.clear();
      if (deployment.current !== told) tellPlan(cluster, 'deployment_info', deployment);
      const done = await Promise.all(step.map((action) => act(deployment, action, leaving)));
      if (deployment.cancelled || done.includes(false)) return;
      tellPlan(cluster, 'deployment_step_success', deployment);
      told = deployment.current;
    }
    if (deployment.steps.length === 0) return;
    for (const [id, original] of deployment.originals) {
      const now = cluster.apps.get(id)?.definition;
      if (original !== undefined && now !== undefined && now.lastConfigChangeAt !== original.lastConfigChangeAt)
        tellRemoved(cluster, original);
    }
    cluster.deployments.delete(deployment.id);
    tellPlan(cluster, 'deployment_success', deployment);
    for (const app of deployment.apps) cluster.touch(app);
  };

  const act = (
    deployment: Deployment,
    { action, app: id }: DeploymentAction,
    leaving: readonly ClusterApp[],
  ): Promise<boolean> => {
    const app = action === 'StopApplication' ? leaving.find((gone) => gone.id === id) : cluster.apps.get(id);
    if (app === undefined || action === 'StartApplication') return Promise.resolve(true);
    switch (action) {
      case 'ScaleApplication':
        return scale(cluster, instances, app, deployment);
      case 'RestartApplication':
        return restart(cluster, instances, app, deployment);
      case 'StopApplication':
        return stop(cluster, instances, app, deployment);
    }
  };

  return { submit, cancel };
}
