import type { App, AppId } from './app.ts';
import { routeName } from './changes.ts';
import type { Generation } from './config.ts';
import type { LiveServer } from './ports.ts';
import { isStale } from './readiness.ts';
import type { Because, RouteReason } from './route-reasons.ts';
import { ROUTE_REASONS } from './route-reasons.ts';
import type { Route } from './routing.ts';
import type { ServedRoute } from './served.ts';
import { NOTHING_SERVED, rowKey, rowsFor } from './served.ts';
import { servedBy } from './served-config.ts';
import type { State } from './state.ts';
import { desiredGeneration } from './state.ts';
import { whyNoServer, whyNotAccepted, whyNotLoaded } from './why-not.ts';

/** The answer to "does this host name serve, and if not, why": the body of `/v1/routes/{vhost}`. */
export interface RouteReadiness {
  readonly vhost: string;
  readonly path?: string;
  readonly ready: boolean;
  readonly reason: RouteReason;
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
  /** Waiting does not help: the asker must change something. */
  readonly terminal: boolean;
  /** Answered from a snapshot that may be outdated. */
  readonly stale: boolean;
  readonly app?: { readonly id: AppId; readonly version?: string; readonly deployments: readonly string[] };
  readonly generation: { readonly desired?: Generation; readonly running?: Generation };
  readonly backend?: string;
  /** As HAProxy sees them now; empty when it could not be asked. */
  readonly servers: readonly LiveServer[];
}

/**
 * Judges one host name (without path: each of its rows must serve). `live`: the servers as HAProxy lists them, undefined
 * when it could not be asked. `now` only ages the snapshot.
 * Ready means: the worker in charge has loaded the row, for the app that should have it, and at least one server is up.
 */
export function routeReadiness(
  state: State,
  vhost: string,
  live: readonly LiveServer[] | undefined,
  path?: string,
  now: number = state.at,
): RouteReadiness {
  const host = canonicalHost(vhost);
  const { pathMatch } = state.settings;
  const running = state.running?.config === undefined ? NOTHING_SERVED : servedBy(state.running.config);
  const served = relevant(rowsFor(running.routes, host, pathMatch, path), path);
  const desired =
    state.table === undefined ? undefined : relevant(rowsFor(state.table.routes, host, pathMatch, path), path);
  const judged = judge(state, host, served, desired, live);
  const app = appOfAnswer(state, judged.app);
  const desiredNumber = desiredGeneration(state);
  return {
    vhost: host,
    ...(path === undefined ? {} : { path }),
    ready: judged.reason === 'Ready',
    reason: judged.reason,
    message: judged.message,
    ...ROUTE_REASONS[judged.reason],
    stale: isStale(state, now),
    ...(app === undefined ? {} : { app }),
    generation: {
      ...(desiredNumber === undefined ? {} : { desired: desiredNumber }),
      ...(state.running?.generation === undefined ? {} : { running: state.running.generation }),
    },
    ...(judged.backend === undefined ? {} : { backend: judged.backend }),
    servers: live?.filter((server) => server.backend === judged.backend) ?? [],
  };
}

/** Lower-cased, without port and trailing dot: as the maps know hosts. */
function canonicalHost(vhost: string): string {
  return vhost.trim().toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}

interface Judged extends Because {
  readonly app?: AppId;
  readonly backend?: string;
}

function judge(
  state: State,
  host: string,
  served: readonly ServedRoute[],
  desired: readonly Route[] | undefined,
  live: readonly LiveServer[] | undefined,
): Judged {
  if (desired !== undefined && desired.length === 0) return whyNotAccepted(state, host, served.length > 0);
  if (desired === undefined && served.length === 0) {
    return {
      reason: 'NoSuchHost',
      message: `${host} is in no map of the running generation; Marathon was not read yet.`,
    };
  }
  const wanted = desired ?? served;
  const verdicts = wanted.map((row) => judgeRow(state, row, served, live));
  return verdicts.find((verdict) => verdict.reason !== 'Ready') ?? verdicts[0] ?? whyNotAccepted(state, host, false);
}

function judgeRow(
  state: State,
  row: ServedRoute | Route,
  served: readonly ServedRoute[],
  live: readonly LiveServer[] | undefined,
): Judged {
  const of = { backend: row.backend, ...(row.app === undefined ? {} : { app: row.app }) };
  if (state.haproxyDown !== undefined) return { ...of, reason: 'HAProxyDown', message: state.haproxyDown.reason };
  const { pathMatch } = state.settings;
  const loaded = served.some((it) => it.backend === row.backend && rowKey(it, pathMatch) === rowKey(row, pathMatch));
  if (!loaded) return { ...of, ...whyNotLoaded(state, routeName(row)) };
  const shut = whyShut(state);
  if (shut !== undefined) return { ...of, reason: 'PortInUse', message: shut };
  const seen = state.haproxy?.generation;
  if (seen !== undefined && state.running?.generation !== undefined && seen !== state.running.generation) {
    const message = `The worker runs generation ${seen}, not ${state.running.generation}.`;
    return { ...of, reason: 'GenerationNotConfirmed', message };
  }
  if (live === undefined)
    return { ...of, reason: 'HAProxyDown', message: 'HAProxy did not answer on its runtime socket.' };
  const servers = live.filter((server) => server.backend === row.backend);
  const up = servers.filter((server) => server.state === 'up');
  if (up.length > 0) {
    return { ...of, reason: 'Ready', message: `${up.length} of ${servers.length} servers up.` };
  }
  return { ...of, ...whyNoServer(state, row, servers) };
}

/** Why no shared frontend listens; undefined: one does. */
function whyShut({ settings, heldListeners }: State): string | undefined {
  const held = heldListeners.filter(({ setting }) => setting === 'http-bind' || setting === 'https-bind');
  const isShut = held.length > 0 && held.length >= settings.httpBind.length + settings.httpsBind.length;
  return isShut ? held.map(({ why }) => why).join('; ') : undefined;
}

/** A host asked for without path is its whole-host row; with path, the row that HAProxy would choose. */
function relevant<T extends { readonly path?: string }>(rows: readonly T[], path: string | undefined): readonly T[] {
  if (path !== undefined) return rows.slice(0, 1);
  const whole = rows.filter((row) => row.path === undefined);
  return whole.length > 0 ? whole : rows;
}

function appOfAnswer(state: State, id: AppId | undefined): RouteReadiness['app'] {
  if (id === undefined) return undefined;
  const app: App | undefined = state.snapshot?.apps.find((candidate) => candidate.id === id);
  return app === undefined ? { id, deployments: [] } : { id, version: app.version, deployments: app.deployments };
}
