import type { App, AppId, Task } from './app.ts';
import type { Ask } from './asks.ts';
import { asksFor } from './asks.ts';
import type { LiveServer } from './ports.ts';
import type { Problem } from './problem.ts';
import { appOf } from './problem.ts';
import type { Because } from './route-reasons.ts';
import { isRouteReason } from './route-reasons.ts';
import { formatBind } from './settings.ts';
import type { State } from './state.ts';

/** Why a host is in no wanted route: nobody asks for it, or whoever asks was refused. */
export function whyNotAccepted(state: State, host: string, stillServed: boolean): Because & { readonly app?: AppId } {
  const asks = asksFor(state.snapshot?.apps ?? [], host);
  const reasons = asks.map((ask) => ({ ...whyRefused(state, ask, host), app: ask.app.id }));
  const first = reasons[0];
  if (first !== undefined) return first;
  if (!stillServed) return { reason: 'NoSuchHost', message: `No app asks for ${host}.` };
  // Gone is what no map has any more: until then requests still reach the app that left.
  const failing = state.applyFailing === undefined ? '' : ` ${state.applyFailing.detail}`;
  const message = `No app asks for ${host} any more, but the running generation still has it.${failing}`;
  return { reason: whyNotLoaded(state, host).reason, message };
}

/** Why a wanted route is not in the generation that runs. */
export function whyNotLoaded(state: State, name: string): Because {
  const failing = state.applyFailing;
  switch (failing?.stage) {
    case 'render':
      return { reason: 'RenderFailed', message: failing.detail };
    case 'validation':
      return { reason: 'ValidationFailed', message: failing.detail };
    case 'reload':
      return { reason: 'ReloadFailed', message: failing.detail };
    default:
      return { reason: 'WaitingForReload', message: `The running generation does not have ${name} yet.` };
  }
}

/** Why a loaded route has no server that is up: HAProxy's checks, or Marathon's view of the tasks. */
export function whyNoServer(
  state: State,
  row: { readonly backend: string; readonly app?: AppId },
  servers: readonly LiveServer[],
): Because {
  if (servers.length > 0) {
    const shown = servers.slice(0, 5).map((server) => `${formatBind(server)} ${server.state}`);
    return { reason: 'NoServerUp', message: `0 of ${servers.length} servers up; ${shown.join(', ')}.` };
  }
  const wanted = state.table?.backends.find((backend) => backend.name === row.backend);
  if (wanted !== undefined && wanted.servers.length > 0) return whyNotLoaded(state, `the servers of ${row.backend}`);
  const app = state.snapshot?.apps.find((candidate) => candidate.id === row.app);
  return app === undefined
    ? { reason: 'NoServerUp', message: `Backend ${row.backend} has no servers.` }
    : whyNoTask(app, wanted?.portIndex ?? 0);
}

function whyRefused(state: State, ask: Ask, host: string): Because {
  const { group, strictMode } = state.settings;
  const { app } = ask;
  if (!group.includes('*') && !ask.groups.some((name) => group.includes(name))) {
    const has = ask.groups.length === 0 ? 'no group' : `group ${ask.groups.join(', ')}`;
    return { reason: 'WrongGroup', message: `${app.id} is in ${has}; this node serves ${group.join(', ')}.` };
  }
  if (!(ask.enabled ?? !strictMode)) {
    return { reason: 'NotEnabled', message: `Port ${ask.portIndex} of ${app.id} is not enabled.` };
  }
  const problem = refusalOf(state.problems, app.id);
  if (problem !== undefined && isRouteReason(problem.code)) return { reason: problem.code, message: problem.message };
  return whyNotLoaded(state, host);
}

const REFUSING: readonly Problem['effect'][] = ['app-excluded', 'route-refused', 'value-ignored'];

/** The gravest problem of an app that can cost a route. */
function refusalOf(problems: readonly Problem[], app: AppId): Problem | undefined {
  const own = problems.filter((problem) => appOf(problem.origin) === app && isRouteReason(problem.code));
  for (const effect of REFUSING) {
    const found = own.find((problem) => problem.effect === effect);
    if (found !== undefined) return found;
  }
  return undefined;
}

function whyNoTask(app: App, portIndex: number): Because {
  if (app.instances === 0) return { reason: 'AppSuspended', message: `${app.id} is scaled to 0 instances.` };
  const running = app.tasks.filter((task) => task.state === 'running');
  if (running.length === 0) return whyNoneRuns(app);
  const addressed = running.filter((task) => task.endpoints.some((endpoint) => endpoint.portIndex === portIndex));
  if (addressed.length === 0) return whyNoEndpoint(app, running, portIndex);
  const count = (health: Task['health']): number => addressed.filter((task) => task.health === health).length;
  if (count('unhealthy') > 0) {
    const message = `${count('unhealthy')} of ${addressed.length} running tasks of ${app.id} are unhealthy by Marathon’s checks.`;
    return { reason: 'MarathonUnhealthy', message };
  }
  const waiting = addressed.filter(isWaiting);
  if (waiting.length > 0) {
    const message = `${waiting.length} of ${addressed.length} running tasks of ${app.id} have not passed their readiness check.`;
    return { reason: 'ReadinessCheckPending', message };
  }
  if (count('unknown') > 0) {
    return { reason: 'HealthUnknown', message: `Marathon has no health result yet for the tasks of ${app.id}.` };
  }
  return { reason: 'NoServerUp', message: `No task of ${app.id} takes requests.` };
}

/** Asked of tasks that are not served: what was known before has not made them ready. */
const isWaiting = ({ readiness = 'ready' }: Task): boolean => readiness !== 'ready';

function whyNoneRuns(app: App): Because {
  if (app.tasks.some((task) => task.state === 'killing')) {
    return { reason: 'TaskKilling', message: `The tasks of ${app.id} are being stopped.` };
  }
  const states = [...new Set(app.tasks.map((task) => task.state))].join(', ');
  const found = states === '' ? 'it has no task yet' : `its tasks are ${states}`;
  return { reason: 'TaskStaging', message: `No task of ${app.id} runs: ${found}.` };
}

function whyNoEndpoint(app: App, running: readonly Task[], portIndex: number): Because {
  const missing = running.flatMap((task) => task.missing.filter((it) => it.portIndex === portIndex));
  const unresolved = missing.some((it) => it.because === 'host-unresolvable');
  const why = [...new Set(missing.map((it) => it.because))].join(', ');
  return {
    reason: unresolved ? 'HostUnresolvable' : 'NoAddress',
    message: `No running task of ${app.id} has an address for port ${portIndex}${why === '' ? '' : ` (${why})`}.`,
  };
}
