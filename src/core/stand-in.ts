import type { App, AppId, Snapshot, Task } from './app.ts';
import { byText } from './order.ts';
import { atPresentPorts, checksAtPresentPorts, type PortPairs, pairPorts } from './port-pairs.ts';
import { remembered } from './remembered.ts';

/**
 * How an app is held back that HAProxy refuses, from what costs it least to what costs it most. `definition`: its last good
 * definition with the tasks that it has now. `servers`: of these only the tasks that it had then, for an app whose definition is
 * what it was. `out`: it is left out.
 */
export type HoldStep = 'definition' | 'servers' | 'out';

/** What an app is held at, and what was good of it, with the tasks of then; absent: nothing was. */
export interface Holding {
  readonly step: HoldStep;
  readonly good?: App;
}

/** What an app asks of a load balancer, as text to compare: tasks, versions and deployments come and go without changing it. */
export const definitionText = remembered(({ labels, network, ports, healthChecks }: App): string =>
  JSON.stringify([[...labels], network, ports, healthChecks]),
);

/** What made an app be held: its definition, and its tasks where they were to blame. Anything else is a reason to try again. */
export function askedBy(app: App, step: HoldStep): string {
  return step === 'servers' ? `${definitionText(app)} ${app.tasks.map(({ id }) => id).join(' ')}` : definitionText(app);
}

/** The step after `before`, the mildest that changes anything. `out` is the last one. */
export function nextHolding(bad: App, good: App | undefined, before: HoldStep | undefined): Holding {
  if (good === undefined) return { step: 'out' };
  const stoodIn = standIn(bad, good);
  if (before === undefined && definitionText(stoodIn) !== definitionText(bad)) return { step: 'definition', good };
  const kept = before === 'servers' ? [] : onlyKnown(stoodIn, good).tasks;
  return kept.length > 0 && kept.length < bad.tasks.length ? { step: 'servers', good } : { step: 'out', good };
}

/** The app as it is shown while it is held; the app itself where nothing stands in for it. */
export function heldApp(bad: App, { step, good }: Holding): App {
  if (step === 'out' || good === undefined) return bad;
  const stoodIn = standIn(bad, good);
  return step === 'servers' ? onlyKnown(stoodIn, good) : stoodIn;
}

/**
 * The last good definition in place of a refused one, with the tasks of now: each port of the good definition leads to the port
 * of the tasks that it is now, or was when they were launched. `good` may be another app of the same deployment group, whose
 * labels spoke for the group.
 */
export function standIn(bad: App, good: App): App {
  const pairs = pairPorts(bad.ports, good.ports);
  const known = new Map(good.tasks.map((task) => [task.id, task]));
  const { scaledAt: _, ...rest } = good;
  return {
    ...rest,
    id: bad.id,
    instances: bad.instances,
    ...(bad.scaledAt === undefined ? {} : { scaledAt: bad.scaledAt }),
    labels: good.id === bad.id ? good.labels : labelsOfMember(bad, good),
    tasks: bad.tasks.map((task) => atGoodPorts(task, known.get(task.id), pairs)),
    deployments: bad.deployments,
  };
}

/** The snapshot with other apps in place of some. The same snapshot when there are none. */
export function withHeldApps(snapshot: Snapshot, held: ReadonlyMap<AppId, App>): Snapshot {
  if (held.size === 0) return snapshot;
  const apps = [...snapshot.apps];
  for (const [id, app] of held) {
    const at = placeOf(apps, id);
    if (at !== undefined) apps[at] = app;
  }
  return { ...snapshot, apps };
}

/** The app of a snapshot, whose apps are sorted by id. */
export function appNamed({ apps }: Pick<Snapshot, 'apps'>, id: AppId): App | undefined {
  const at = placeOf(apps, id);
  return at === undefined ? undefined : apps[at];
}

function placeOf(apps: readonly App[], id: AppId): number | undefined {
  let low = 0;
  let high = apps.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = byText(apps[middle]?.id ?? '', id);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

function onlyKnown(app: App, good: App): App {
  const known = new Set(good.tasks.map(({ id }) => id));
  return { ...app, tasks: app.tasks.filter(({ id }) => known.has(id)) };
}

/** What an app says of itself as a member of its group stays its own. */
function labelsOfMember(bad: App, good: App): App['labels'] {
  const own = ([label]: readonly [string, string]): boolean => label.startsWith('HAPROXY_DEPLOYMENT_');
  const labels = [...[...good.labels].filter((label) => !own(label)), ...[...bad.labels].filter(own)];
  return new Map(labels.sort(([a], [b]) => byText(a, b)));
}

const isSame = (pairs: PortPairs): boolean => pairs.every((to, from) => to === from);

/** A task by the good definition's ports. One that ran then has all its ports still, also those that the refused one lacks. */
function atGoodPorts(task: Task, then: Task | undefined, pairs: PortPairs): Task {
  const lost = then?.endpoints.filter(({ portIndex }) => !pairs.includes(portIndex)) ?? [];
  if (isSame(pairs) && lost.length === 0) return task;
  const endpoints = [...atPresentPorts(pairs, task.endpoints), ...lost].sort((a, b) => a.portIndex - b.portIndex);
  const has = new Set(endpoints.map(({ portIndex }) => portIndex));
  return {
    ...task,
    endpoints,
    missing: atPresentPorts(pairs, task.missing).filter(({ portIndex }) => !has.has(portIndex)),
    healthChecks: then === undefined ? checksAtPresentPorts(pairs, task.healthChecks) : then.healthChecks,
  };
}
