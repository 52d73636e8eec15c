import type { Cluster, ClusterApp } from './cluster.ts';
import { appJson, type Embeds } from './dialect-task.ts';
import type { Json } from './json.ts';

/** The group with everything below it (marathon-api 2.2). Groups exist as far as apps are in them. */
export function rootGroup(cluster: Cluster, id: string, embeds: Embeds): Json {
  const prefix = id === '/' ? '/' : `${id}/`;
  const direct: ClusterApp[] = [];
  const below = new Set<string>();
  for (const app of cluster.apps.values()) {
    if (!app.id.startsWith(prefix)) continue;
    const [first, ...more] = app.id.slice(prefix.length).split('/');
    if (more.length === 0) direct.push(app);
    else below.add(`${prefix}${first}`);
  }
  return {
    id,
    apps: direct.map((app) => appJson(cluster, app, embeds)),
    groups: [...below].map((group) => rootGroup(cluster, group, embeds)),
    pods: [],
    dependencies: [],
    version: cluster.version,
    ...(cluster.options.dialect === '1.4' ? {} : { enforceRole: false }),
  };
}

/** Whether anything is in the group. The root always exists. */
export function groupExists(cluster: Cluster, id: string): boolean {
  return id === '/' || [...cluster.apps.keys()].some((app) => app.startsWith(`${id}/`));
}
