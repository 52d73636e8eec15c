import type { App, AppId } from './app.ts';
import { difference } from './difference.ts';
import { byText } from './order.ts';
import type { Served } from './served.ts';

/** Routes and service ports that lead to servers now, by the app that owns them. Apps without any are not in it. */
export type Weights = ReadonlyMap<AppId, number>;

/** What each app would take along. A route to a backend without a server answers nobody already. */
export function weightsOf({ routes, services, backends }: Served): Weights {
  const weights = new Map<AppId, number>();
  for (const { app, backend } of [...routes, ...services]) {
    if (app === undefined || (backends.get(backend)?.servers.length ?? 0) === 0) continue;
    weights.set(app, (weights.get(app) ?? 0) + 1);
  }
  return weights;
}

/**
 * Apps of `before` that `after` lacks without Marathon having said anything about them: gone from the list, or still in it and
 * without a task, though nothing of them was changed. A suspended, a changed and a deployed app are Marathon's word.
 */
export function losses(before: readonly App[], after: readonly App[]): readonly App[] {
  const { gone, came } = difference(before, after, (a, b) => byText(a.id, b.id));
  if (gone.length === 0) return gone;
  const now = new Map(came.map((app) => [app.id, app]));
  return gone.filter((was) => {
    const is = now.get(was.id);
    if (is === undefined) return true;
    return isBare(is) && was.tasks.length > 0 && is.configVersion === was.configVersion;
  });
}

/** The same where only what is served is known of the time before. */
export function servedLosses(weights: Weights, after: readonly App[]): readonly AppId[] {
  const there = new Map(after.map((app) => [app.id, app]));
  return [...weights.keys()]
    .filter((id) => {
      const app = there.get(id);
      return app === undefined || isBare(app);
    })
    .sort(byText);
}

/** It should have tasks, nobody is at work on it, and there are none. */
const isBare = (app: App): boolean => app.tasks.length === 0 && app.instances > 0 && app.deployments.length === 0;
