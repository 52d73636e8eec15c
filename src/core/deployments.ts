import type { App, AppId, Task } from './app.ts';
import type { Difference } from './difference.ts';
import type { Labels } from './label-reader.ts';
import { labelProblem } from './label-reader.ts';
import { LABELS, spellLabel } from './labels.ts';
import { byFirst, byText } from './order.ts';
import type { OwnApps } from './own-apps.ts';
import type { Problem } from './problem.ts';
import type { LabelledApp } from './selection.ts';
import type { Known } from './verdicts.ts';
import { createRoutableTasks, dependsOnVerdicts } from './verdicts.ts';

/** What is routed as one: an app, or the apps of a deployment group. */
export interface RoutedApp {
  /** The app's id, or the group's name as one. Frontends and backends go by it. */
  readonly id: AppId;
  /** Whose its claims are as they are remembered. A group is not the app that goes by its name. */
  readonly holder: AppId;
  /** The app whose labels, ports and checks count: in a group, the oldest one. */
  readonly app: App;
  readonly labels: Labels;
  /** Tasks that get traffic, or are listed in maintenance. */
  readonly tasks: readonly RoutedTask[];
}

/** A task and whether it takes new requests. */
interface RoutedTask {
  readonly task: Task;
  readonly admission: 'ready' | 'maint';
}

/** Tasks of an app that get traffic: the same list as long as they are the same. */
type TasksOf = (app: App) => readonly Task[];

/** What of apps and deployment groups is routed otherwise after a change. `problems` are all there are. */
export type Deployments = (
  apps: Difference<LabelledApp>,
  known: Known,
) => { readonly apps: Difference<RoutedApp>; readonly problems: readonly Problem[] };

/**
 * Merges the apps of deployment groups as marathon-lb does, but counts the tasks that really serve, never the configured ones: an
 * old task leaves only when a new one has taken its place. A member whose labels do not fit is routed by itself.
 */
export function createDeployments(own: Pick<OwnApps, 'get'>, healthCheck: boolean): Deployments {
  const routed = new Map<AppId, RoutedApp>();
  /** Apps whose tasks that get traffic may change although they do not. */
  const watched = new Set<LabelledApp>();
  /** Apps that name a group, and the groups as they were merged. */
  const candidates = new Set<LabelledApp>();
  let merged: ReadonlyMap<AppId, MergedGroup> = new Map();
  const routable = createRoutableTasks(healthCheck);

  function watch({ gone, came }: Difference<LabelledApp>): void {
    for (const member of gone) for (const set of [watched, candidates]) set.delete(member);
    for (const member of came) {
      if (dependsOnVerdicts(member.app, healthCheck)) watched.add(member);
      if (member.labels.app.deploymentGroup?.value !== undefined) candidates.add(member);
    }
  }

  function single(member: LabelledApp, tasks: readonly Task[]): RoutedApp {
    const { id } = member.app;
    const before = routed.get(id);
    const same = before?.app === member.app && before.holder === id && sameItems(before.tasks.map(taskOf), tasks);
    return same ? before : { id, holder: id, ...member, tasks: ready(tasks) };
  }

  function mergedAgain(id: AppId, members: readonly LabelledApp[], tasksOf: TasksOf): MergedGroup {
    const parts = members.flatMap((member) => [member, tasksOf(member.app)]);
    const before = merged.get(id);
    return before !== undefined && sameItems(before.parts, parts)
      ? before
      : { parts, routed: mergeGroup(id, members, tasksOf) };
  }

  return (apps, known) => {
    watch(apps);
    const tasksOf: TasksOf = (app) => routable(app, known);
    const { groups, grouped, problems } = groupsOf(candidates, own);
    const before = merged;
    merged = new Map([...groups].map(([id, members]) => [id, mergedAgain(id, members, tasksOf)]));
    const now = new Map<AppId, RoutedApp | undefined>();
    for (const id of [...before.keys(), ...apps.gone.map(({ app }) => app.id)]) now.set(id, undefined);
    for (const member of new Set([...apps.came, ...watched, ...candidates])) {
      now.set(member.app.id, grouped.has(member) ? undefined : single(member, tasksOf(member.app)));
    }
    for (const [id, group] of merged) now.set(id, group.routed);
    return { apps: put(routed, now), problems };
  };
}

/** Puts what is routed now in the place of what was. */
function put(routed: Map<AppId, RoutedApp>, now: ReadonlyMap<AppId, RoutedApp | undefined>): Difference<RoutedApp> {
  const gone: RoutedApp[] = [];
  const came: RoutedApp[] = [];
  for (const [id, is] of now) {
    const was = routed.get(id);
    if (was === is) continue;
    if (was !== undefined) gone.push(was);
    if (is !== undefined) came.push(is);
    if (is === undefined) routed.delete(id);
    else routed.set(id, is);
  }
  return { gone, came };
}

/** A group as it was merged, and all that went into it. */
interface MergedGroup {
  readonly parts: readonly (LabelledApp | readonly Task[])[];
  readonly routed: RoutedApp;
}

/** Who is a member of which group: of those that name one, the ones whose labels fit. */
function groupsOf(candidates: ReadonlySet<LabelledApp>, own: Pick<OwnApps, 'get'>) {
  const problems: Problem[] = [];
  const groups = new Map<AppId, LabelledApp[]>();
  const grouped = new Set<LabelledApp>();
  for (const member of [...candidates].sort((a, b) => byText(a.app.id, b.app.id))) {
    const misfit = misfitOf(member);
    const group = member.labels.app.deploymentGroup?.value;
    if (misfit !== undefined) problems.push(misfit);
    if (misfit !== undefined || group === undefined) continue;
    groups.set(group, [...(groups.get(group) ?? []), member]);
    grouped.add(member);
  }
  problems.push(...dissolveTaken(groups, grouped, own));
  return { groups, grouped, problems };
}

const ready = (tasks: readonly Task[]): readonly RoutedTask[] => tasks.map((task) => ({ task, admission: 'ready' }));
const taskOf = ({ task }: RoutedTask): Task => task;
const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

/** Why an app cannot be a member: it cannot be told how old it is, or how many tasks the group wants. */
function misfitOf({ app, labels }: LabelledApp): Problem | undefined {
  const { deploymentStartedAt, deploymentNewInstances, deploymentTargetInstances } = labels.app;
  const unfit = (label: string, says: string, expected: string) =>
    labelProblem(
      'DeploymentGroupInvalid',
      'value-ignored',
      { app: app.id, label },
      `${says}; the app is routed by itself`,
      { expected },
    );
  if (deploymentStartedAt !== undefined && deploymentStartedAt.value === undefined) {
    return unfit(deploymentStartedAt.label, 'it is not known which app of the group is the newer one', 'a date');
  }
  if (deploymentNewInstances !== undefined && deploymentTargetInstances?.value === undefined) {
    return unfit(
      deploymentNewInstances.label,
      'the wanted total beside it is missing or no number',
      `${spellLabel(LABELS.deploymentTargetInstances.name)} with a number`,
    );
  }
  return undefined;
}

/** A group must not go by the name of an app outside: takes such groups apart, which may free further names to collide. */
function dissolveTaken(
  groups: Map<AppId, LabelledApp[]>,
  grouped: Set<LabelledApp>,
  own: Pick<OwnApps, 'get'>,
): readonly Problem[] {
  const isTaken = (id: AppId): boolean => {
    const app = own.get(id);
    return app !== undefined && !grouped.has(app);
  };
  const problems: Problem[] = [];
  for (let before = -1; before !== problems.length; ) {
    before = problems.length;
    for (const [id, members] of [...groups].filter(([group]) => isTaken(group))) {
      groups.delete(id);
      for (const member of members) {
        grouped.delete(member);
        const label = member.labels.app.deploymentGroup?.label ?? '';
        const says = `${id} is the name of an app outside of the group; the app is routed by itself`;
        const origin = { app: member.app.id, label };
        problems.push(labelProblem('DeploymentGroupInvalid', 'value-ignored', origin, says));
      }
    }
  }
  return problems;
}

function mergeGroup(id: AppId, members: readonly LabelledApp[], tasksOf: TasksOf): RoutedApp {
  const { older, newest, target } = rolesOf(members);
  const primary = older[0] ?? newest;
  const fresh = tasksOf(newest.app);
  const old = older.flatMap(({ app }) => tasksOf(app)).sort((a, b) => byText(a.id, b.id));
  const serving = fresh.filter((task) => task.endpoints.length > 0).length;
  const leaving = Math.min(old.length, serving, Math.max(0, serving + old.length - target));
  const tasks: readonly RoutedTask[] = [
    ...old.map((task, index) => ({ task, admission: index < leaving ? ('maint' as const) : ('ready' as const) })),
    ...ready(fresh),
  ];
  // No app's id ends in a slash.
  return { id, holder: `${id}/` as AppId, app: primary.app, labels: primary.labels, tasks };
}

/** Who is new, who is old (oldest first), and how many tasks are wanted. Without dates, the first by name is the new one. */
function rolesOf(members: readonly LabelledApp[]) {
  const startedAt = ({ labels }: LabelledApp): number =>
    labels.app.deploymentStartedAt?.value ?? Number.NEGATIVE_INFINITY;
  const age = (a: LabelledApp, b: LabelledApp): number =>
    startedAt(a) === startedAt(b) ? 0 : startedAt(a) - startedAt(b);
  const sorted = [...members].sort((a, b) => byFirst(age(a, b), byText(b.app.id, a.app.id)));
  const newest = sorted.at(-1) as LabelledApp;
  const previous = sorted.at(-2);
  const wants = newest.labels.app.deploymentNewInstances === undefined ? undefined : targetOf(newest);
  if (previous === undefined || wants === undefined) return { older: sorted.slice(0, -1), newest, target: wants ?? 1 };
  // zdd takes a deployment back by scaling the previous app up again: whoever was scaled last is the one to stay.
  const takenBack = scaledAt(previous) > scaledAt(newest);
  return takenBack
    ? { older: [...sorted.slice(0, -2), newest], newest: previous, target: targetOf(previous) ?? wants }
    : { older: sorted.slice(0, -1), newest, target: wants };
}

const targetOf = ({ labels }: LabelledApp): number | undefined => labels.app.deploymentTargetInstances?.value;
const scaledAt = ({ app }: LabelledApp): string => app.scaledAt ?? app.configVersion;
