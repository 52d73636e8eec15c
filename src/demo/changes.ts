import type { Cluster, DeploymentAction } from './cluster.ts';
import type { Definition } from './definition.ts';
import { canonical } from './json.ts';

/** What a write does to one app. */
export type Change =
  | { readonly kind: 'create' | 'scale' | 'restart' | 'none'; readonly app: string; readonly definition: Definition }
  | { readonly kind: 'delete'; readonly app: string };

/** A definition before it got its times. */
export type Untimed = Omit<Definition, 'version' | 'lastScalingAt' | 'lastConfigChangeAt'>;

/** What a definition changes: everything but the instance count is configuration and replaces all tasks (marathon-api 1.2). */
export function changeTo(cluster: Cluster, wanted: Untimed): Change {
  const present = cluster.apps.get(wanted.id)?.definition;
  const app = wanted.id;
  if (present === undefined) return { kind: 'create', app, definition: timed(wanted, cluster.nextVersion()) };
  if (configuration(wanted) !== configuration(present))
    return { kind: 'restart', app, definition: timed(wanted, cluster.nextVersion()) };
  if (wanted.instances === present.instances) return { kind: 'none', app, definition: present };
  const version = cluster.nextVersion();
  return {
    kind: 'scale',
    app,
    definition: { ...present, instances: wanted.instances, version, lastScalingAt: version },
  };
}

/** The same configuration again, under a new version: all tasks are replaced. */
export function restartOf(cluster: Cluster, present: Definition): Change {
  const version = cluster.nextVersion();
  return { kind: 'restart', app: present.id, definition: { ...present, version, lastConfigChangeAt: version } };
}

/** The steps of a deployment (marathon-api 2.6): stop first; a new app is started with 0 instances, then scaled. */
export function stepsOf(changes: readonly Change[]): readonly (readonly DeploymentAction[])[] {
  const actions = (kind: Change['kind'], action: DeploymentAction['action']): readonly DeploymentAction[] =>
    changes.flatMap((change) => (change.kind === kind ? [{ action, app: change.app }] : []));
  return [
    actions('delete', 'StopApplication'),
    actions('create', 'StartApplication'),
    [
      ...actions('create', 'ScaleApplication'),
      ...actions('scale', 'ScaleApplication'),
      ...actions('restart', 'RestartApplication'),
    ],
  ].filter((step) => step.length > 0);
}

function timed(definition: Untimed, version: string): Definition {
  return { ...definition, version, lastScalingAt: version, lastConfigChangeAt: version };
}

function configuration(definition: Untimed): string {
  return canonical({
    ...definition,
    instances: undefined,
    version: undefined,
    lastScalingAt: undefined,
    lastConfigChangeAt: undefined,
  });
}
