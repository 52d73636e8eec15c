import type { App, Task } from './app.ts';
import { difference } from './difference.ts';
import { byText } from './order.ts';

/** Tasks whose health was known and is not any more, of how many it was known. */
export interface ForgottenHealth {
  readonly tasks: number;
  readonly of: number;
}

/** Fewer than these, or than half of those that were known, are not a change of leader. */
const FEWEST = 5;
const SHARE = 0.5;

/**
 * Whether so many results are gone between two answers that another leader has begun anew (marathon-api 4.5): it is that, and no
 * outage. What is as large as the cluster is counted only when some are gone.
 */
export function forgottenHealth(before: readonly App[], after: readonly App[]): ForgottenHealth | undefined {
  const { gone, came } = difference(before, after, (a, b) => byText(a.id, b.id));
  const now = new Map(came.map((app) => [app.id, app]));
  const tasks = gone.reduce((sum, was) => sum + forgottenIn(was, now.get(was.id)), 0);
  if (tasks < FEWEST) return undefined;
  const of = before.reduce((sum, app) => sum + app.tasks.filter(isKnown).length, 0);
  return tasks < of * SHARE ? undefined : { tasks, of };
}

function forgottenIn(was: App, is: App | undefined): number {
  if (is === undefined) return 0;
  const known = new Set(was.tasks.filter(isKnown).map(({ id }) => id));
  return is.tasks.filter(({ id, health }) => health === 'unknown' && known.has(id)).length;
}

const isKnown = ({ health }: Task): boolean => health === 'healthy' || health === 'unhealthy';
