import type { App, AppId, Snapshot, Task } from './app.ts';
import { byText } from './order.ts';
import { appOf, type Checked } from './problem.ts';

/**
 * The same apps without those tasks whose address and port an answer gives to somebody else's task: Mesos deals ports again, and
 * requests must never reach another app.
 */
export function withoutTaken(held: ReadonlyMap<AppId, App>, answer: readonly App[]): ReadonlyMap<AppId, App> {
  const taken = new Set<string>();
  for (const { id, tasks } of answer) {
    if (!held.has(id)) for (const place of tasks.flatMap(placesOf)) taken.add(place);
  }
  return new Map(
    [...held].map(([id, app]) => {
      const tasks = app.tasks.filter((task) => !placesOf(task).some((place) => taken.has(place)));
      return [id, tasks.length === app.tasks.length ? app : { ...app, tasks }];
    }),
  );
}

const placesOf = ({ endpoints }: Task): readonly string[] => endpoints.map(({ address, port }) => `${address} ${port}`);

/**
 * An answer with apps as they were where it lacks them, or shows them without a task. The apps are the same objects as before:
 * whatever was made of them stays.
 */
export function withHeld(
  answer: Checked<Snapshot>,
  held: ReadonlyMap<AppId, App>,
  before: Checked<Snapshot> | undefined,
): Checked<Snapshot> {
  const instead = new Map(held);
  for (const { id, tasks } of answer.value.apps) if (tasks.length > 0) instead.delete(id);
  if (instead.size === 0) return answer;
  const isInstead = (id: AppId | undefined): boolean => id !== undefined && instead.has(id);
  const apps = [...answer.value.apps.filter(({ id }) => !instead.has(id)), ...instead.values()];
  return {
    value: { takenAt: answer.value.takenAt, apps: apps.sort((a, b) => byText(a.id, b.id)) },
    problems: [
      ...answer.problems.filter(({ origin }) => !isInstead(appOf(origin))),
      ...(before?.problems ?? []).filter(({ origin }) => isInstead(appOf(origin))),
    ],
  };
}
