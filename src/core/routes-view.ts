import type { AppId } from './app.ts';
import { routeName } from './changes.ts';
import { partsOf } from './lazy-config.ts';
import { byText } from './order.ts';
import type { PathMatch } from './path-match.ts';
import type { LiveServer } from './ports.ts';
import type { Route, RoutingTable } from './routing.ts';
import type { Served, ServedRoute } from './served.ts';
import { NOTHING_SERVED, rowKey } from './served.ts';
import { servedBy, servedCount } from './served-config.ts';
import type { State } from './state.ts';

/** A line of `/v1/routes`: a host (and path) or a service port, what runs and what should run put together. */
export interface RouteView {
  /** `my-app.example/api`, `*.example.com`, or `address:port` of a service. */
  readonly route: string;
  readonly kind: 'http' | 'service';
  /** `serving`: loaded by the worker in charge. `pending`: wanted, not loaded yet. `leaving`: loaded, no longer wanted. */
  readonly state: 'serving' | 'pending' | 'leaving';
  readonly backend: string;
  readonly app?: AppId;
  /** From HAProxy where it was asked, else as configured in the running generation (then without `state`). */
  readonly servers: readonly ServerView[];
}

/** A server of a route. */
interface ServerView {
  readonly server: string;
  /** `address:port`. */
  readonly endpoint: string;
  readonly state?: LiveServer['state'];
}

/** Every route, sorted by kind and name. What is in no map, neither loaded nor wanted, is not here: it is gone. */
export function routesView(state: State, live?: readonly LiveServer[]): readonly RouteView[] {
  const { pathMatch } = state.settings;
  const running = state.running?.config === undefined ? NOTHING_SERVED : servedBy(state.running.config);
  const loaded = byKey(loadedRows(running, pathMatch));
  const wanted = state.table === undefined ? loaded : byKey(wantedRows(state.table, pathMatch));
  const servers = serversByBackend(running, live);
  // The wanted row comes last: its spelling is the label's, not the map's.
  const rows = new Map([...loaded, ...wanted]);
  return [...rows]
    .map(([key, { route, kind, backend, app }]) => ({
      route,
      kind,
      state: stateOf(loaded.has(key), wanted.has(key)),
      backend,
      ...(app === undefined ? {} : { app }),
      servers: servers.get(backend) ?? [],
    }))
    .sort((a, b) => byText(a.kind, b.kind) || byText(a.route, b.route) || byText(a.backend, b.backend));
}

/** How many routes there are of each state. */
export function countRoutes(state: State): Readonly<Record<RouteView['state'], number>> {
  const config = state.running?.config;
  // The usual case by far, and then nothing has to be compared.
  if (state.table === undefined || (config !== undefined && partsOf(config)?.table === state.table))
    return { serving: config === undefined ? 0 : servedCount(config), pending: 0, leaving: 0 };
  const running = config === undefined ? NOTHING_SERVED : servedBy(config);
  const { pathMatch } = state.settings;
  const is = new Set(loadedRows(running, pathMatch).map(({ key }) => key));
  const should = new Set(wantedRows(state.table, pathMatch).map(({ key }) => key));
  const serving = [...should].filter((key) => is.has(key)).length;
  return { serving, pending: should.size - serving, leaving: is.size - serving };
}

interface Row {
  readonly key: string;
  readonly route: string;
  readonly kind: RouteView['kind'];
  readonly backend: string;
  readonly app?: AppId | undefined;
}

const byKey = (rows: readonly Row[]): ReadonlyMap<string, Row> => new Map(rows.map((row) => [row.key, row]));

function stateOf(loaded: boolean, wanted: boolean): RouteView['state'] {
  if (!loaded) return 'pending';
  return wanted ? 'serving' : 'leaving';
}

function loadedRows(served: Served, pathMatch: PathMatch): readonly Row[] {
  return [
    ...served.routes.map((row) => httpRow(row, pathMatch)),
    ...served.services.map((row) => serviceRow(row, row)),
  ];
}

function wantedRows(table: RoutingTable, pathMatch: PathMatch): readonly Row[] {
  return [
    ...table.routes.map((row) => httpRow(row, pathMatch)),
    ...table.services.flatMap((service) => service.binds.map((bind) => serviceRow(bind, service))),
  ];
}

function httpRow(row: Route | ServedRoute, pathMatch: PathMatch): Row {
  const { backend, app } = row;
  return { key: `${rowKey(row, pathMatch)} ${backend}`, route: routeName(row), kind: 'http', backend, app };
}

function serviceRow(
  bind: { readonly address: string; readonly port: number },
  { backend, app }: { readonly backend: string; readonly app: AppId },
): Row {
  return { key: `${bindName(bind)} ${backend}`, route: bindName(bind), kind: 'service', backend, app };
}

const bindName = (bind: { readonly address: string; readonly port: number }): string =>
  bind.address.includes(':') ? `[${bind.address}]:${bind.port}` : `${bind.address}:${bind.port}`;

function serversByBackend(served: Served, live: readonly LiveServer[] | undefined): ReadonlyMap<string, ServerView[]> {
  const views = new Map<string, ServerView[]>();
  if (live === undefined) {
    for (const [name, backend] of served.backends) {
      views.set(
        name,
        backend.servers.map(({ name: server, endpoint }) => ({ server, endpoint })),
      );
    }
    return views;
  }
  for (const { backend, server, state, ...at } of live) {
    const list = views.get(backend) ?? [];
    list.push({ server, endpoint: bindName(at), state });
    views.set(backend, list);
  }
  return views;
}
