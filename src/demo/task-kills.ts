import type { Engine } from './api-request.ts';
import type { Instance } from './cluster.ts';
import { editableJson } from './dialect-app.ts';
import type { Written } from './writes.ts';

/** Kills tasks: with `scaleDown` their apps shrink by a deployment, else replacements follow. The answer is the deployment's, if any. */
export async function killTasks(
  engine: Engine,
  victims: readonly Instance[],
  scaleDown: boolean,
  force: boolean,
): Promise<Written | undefined> {
  const { cluster, instances, writes } = engine;
  for (const victim of victims) {
    const app = cluster.apps.get(victim.app);
    if (app !== undefined) void instances.kill(app, victim, !scaleDown);
  }
  if (!scaleDown) return undefined;
  const ids = [...new Set(victims.map((victim) => victim.app))];
  const updates = ids.flatMap((id) => {
    const app = cluster.apps.get(id);
    if (app === undefined) return [];
    const gone = victims.filter((victim) => victim.app === id).length;
    return [{ id, ...editableJson({ ...app.definition, instances: app.definition.instances - gone }) }];
  });
  return writes.updateAll(updates, { force });
}
