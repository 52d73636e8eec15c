import type { App, AppId, Task } from './app.ts';
import type { Labels } from './label-reader.ts';
import { labelProblem } from './label-reader.ts';
import { LABELS, spellLabel } from './labels.ts';
import { byFirst, byText } from './order.ts';
import type { Problem } from './problem.ts';
import type { LabelledApp } from './selection.ts';

/** What is routed as one: an app, or the apps of a deployment group. */
export interface RoutedApp {
  /** The app's id, or the group's name as one. Frontends, claims and backends go by it. */
  readonly id: AppId;
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

/** Tasks of an app that get traffic. */
export type RoutableTasks = (app: App) => readonly Task[];

/**
 * Merges the apps of deployment groups as marathon-lb does, but counts the tasks that really serve, never the configured ones: an
 * old task leaves only when a new one has taken its place. A member whose labels do not fit is routed by itself.
 */
export function mergeDeployments(
  apps: readonly LabelledApp[],
  routable: RoutableTasks,
): { readonly apps: readonly RoutedApp[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const groups = new Map<AppId, LabelledApp[]>();
  const alone = new Set<LabelledApp>(apps);
  for (const member of apps) {
    const group = member.labels.app.deploymentGroup?.value;
    const misfit = group === undefined ? undefined : misfitOf(member);
    if (misfit !== undefined) problems.push(misfit);
    if (group === undefined || misfit !== undefined) continue;
    groups.set(group, [...(groups.get(group) ?? []), member]);
    alone.delete(member);
  }
  for (const { member, problem } of dissolveTaken(groups, alone)) {
    alone.add(member);
    problems.push(problem);
  }
  const routed = [
    ...[...alone].map((member) => ({ id: member.app.id, ...member, tasks: ready(routable(member.app)) })),
    ...[...groups].map(([id, members]) => mergeGroup(id, members, routable)),
  ];
  return { apps: routed.sort((a, b) => byText(a.id, b.id)), problems };
}

const ready = (tasks: readonly Task[]): readonly RoutedTask[] => tasks.map((task) => ({ task, admission: 'ready' }));

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
function dissolveTaken(groups: Map<AppId, LabelledApp[]>, alone: ReadonlySet<LabelledApp>) {
  const dissolved: { readonly member: LabelledApp; readonly problem: Problem }[] = [];
  const names = new Set([...alone].map(({ app }) => app.id));
  for (let before = -1; before !== dissolved.length; ) {
    before = dissolved.length;
    for (const [id, members] of [...groups].filter(([group]) => names.has(group))) {
      groups.delete(id);
      for (const member of members) {
        names.add(member.app.id);
        const label = member.labels.app.deploymentGroup?.label ?? '';
        const says = `${id} is the name of an app outside of the group; the app is routed by itself`;
        const origin = { app: member.app.id, label };
        dissolved.push({ member, problem: labelProblem('DeploymentGroupInvalid', 'value-ignored', origin, says) });
      }
    }
  }
  return dissolved;
}

function mergeGroup(id: AppId, members: readonly LabelledApp[], routable: RoutableTasks): RoutedApp {
  const { older, newest, target } = rolesOf(members);
  const primary = older[0] ?? newest;
  const fresh = routable(newest.app);
  const old = older.flatMap(({ app }) => routable(app)).sort((a, b) => byText(a.id, b.id));
  const serving = fresh.filter((task) => task.endpoints.length > 0).length;
  const leaving = Math.min(old.length, serving, Math.max(0, serving + old.length - target));
  const tasks: readonly RoutedTask[] = [
    ...old.map((task, index) => ({ task, admission: index < leaving ? ('maint' as const) : ('ready' as const) })),
    ...ready(fresh),
  ];
  return { id, app: primary.app, labels: primary.labels, tasks };
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
