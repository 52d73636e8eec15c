import type { App, AppId, TaskId } from './app.ts';
import { byText } from './order.ts';
import type { Problem } from './problem.ts';
import { appOf, PROBLEM_CODES } from './problem.ts';
import { routesView } from './routes-view.ts';
import type { State } from './state.ts';

/** A line of `/v1/apps`. */
export interface AppView {
  readonly id: AppId;
  /** Absent while Marathon was never read: then the app is known from the generation that runs. */
  readonly version?: string;
  readonly instances?: number;
  readonly tasks?: { readonly total: number; readonly running: number; readonly healthy: number };
  /** Tasks that run and get nothing before they have passed their readiness check; absent: there are none. */
  readonly waiting?: readonly { readonly task: TaskId; readonly reason: 'ReadinessCheckPending' }[];
  readonly deployments: readonly string[];
  /** Host names and service ports, as `/v1/routes` names them. */
  readonly routes: readonly string[];
  readonly excluded: boolean;
  readonly problems: readonly ProblemView[];
}

/** A line of `/v1/problems`. */
export interface ProblemView {
  readonly code: Problem['code'];
  /** What the code means, the same for every problem of it. */
  readonly meaning: string;
  readonly effect: Problem['effect'];
  readonly message: string;
  readonly app?: AppId;
  readonly label?: string;
  readonly value?: string;
  readonly expected?: string;
  readonly example?: string;
}

/** All problems, those that cost most first. */
export function problemsView(state: State): readonly ProblemView[] {
  const rank = ['app-excluded', 'route-refused', 'value-ignored', 'notice'];
  return state.problems
    .map(problemView)
    .sort((a, b) => rank.indexOf(a.effect) - rank.indexOf(b.effect) || byText(a.app ?? '', b.app ?? ''));
}

/** Every app that Marathon shows or that still has a route, by id. */
export function appsView(state: State): readonly AppView[] {
  const routes = new Map<AppId, string[]>();
  for (const row of routesView(state)) {
    if (row.app !== undefined) routes.set(row.app, [...(routes.get(row.app) ?? []), row.route]);
  }
  const problems = new Map<AppId, Problem[]>();
  for (const problem of state.problems) {
    const app = appOf(problem.origin);
    if (app !== undefined) problems.set(app, [...(problems.get(app) ?? []), problem]);
  }
  const apps = new Map((state.snapshot?.apps ?? []).map((app) => [app.id, app]));
  const ids = [...new Set([...apps.keys(), ...routes.keys(), ...problems.keys()])].sort(byText);
  const waiting = waitingTasks(state);
  return ids.map((id) => {
    const view = appView(id, apps.get(id), routes.get(id) ?? [], problems.get(id) ?? []);
    const tasks = waiting.get(id);
    return tasks === undefined ? view : { ...view, waiting: tasks };
  });
}

/** Those that serve already stay, whatever a result says of them now. */
function waitingTasks({ snapshot, table }: State): ReadonlyMap<AppId, NonNullable<AppView['waiting']>> {
  const pending = (snapshot?.apps ?? []).flatMap((app) => {
    const tasks = app.tasks.filter(({ state, readiness = 'ready' }) => state === 'running' && readiness !== 'ready');
    return tasks.length === 0 ? [] : [{ app: app.id, tasks }];
  });
  if (pending.length === 0) return new Map();
  const served = new Set(table?.backends.flatMap(({ servers }) => servers.map(({ task }) => task)));
  return new Map(
    pending.flatMap(({ app, tasks }) => {
      const waiting = tasks.filter(({ id }) => !served.has(id));
      const told = waiting.map(({ id }) => ({ task: id, reason: 'ReadinessCheckPending' as const }));
      return told.length === 0 ? [] : [[app, told] as const];
    }),
  );
}

function appView(id: AppId, app: App | undefined, routes: readonly string[], problems: readonly Problem[]): AppView {
  const of = (test: (task: App['tasks'][number]) => boolean): number => app?.tasks.filter(test).length ?? 0;
  return {
    id,
    ...(app === undefined
      ? {}
      : {
          version: app.version,
          instances: app.instances,
          tasks: {
            total: app.tasks.length,
            running: of((task) => task.state === 'running'),
            healthy: of((task) => task.health === 'healthy'),
          },
        }),
    deployments: app?.deployments ?? [],
    routes,
    excluded: problems.some((problem) => problem.effect === 'app-excluded'),
    problems: problems.map(problemView),
  };
}

function problemView(problem: Problem): ProblemView {
  const { code, effect, message, origin, value, expected, example } = problem;
  const app = appOf(origin);
  return {
    code,
    meaning: PROBLEM_CODES[code],
    effect,
    message,
    ...(app === undefined ? {} : { app }),
    ...(origin.from === 'label' ? { label: origin.label } : {}),
    ...(value === undefined ? {} : { value }),
    ...(expected === undefined ? {} : { expected }),
    ...(example === undefined ? {} : { example }),
  };
}
