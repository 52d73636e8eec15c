import type { AppId } from './app.ts';
import { routeName } from './changes.ts';
import { byText } from './order.ts';
import type { LiveServer } from './ports.ts';
import type { BackendName, RoutingTable } from './routing.ts';
import type { Served } from './served.ts';
import { NOTHING_SERVED, servedBy } from './served.ts';
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
export interface ServerView {
  readonly server: string;
  /** `address:port`. */
  readonly endpoint: string;
  readonly state?: LiveServer['state'];
}

/** Every route, sorted by kind and name. What is in no map, neither loaded nor wanted, is not here: it is gone. */
export function routesView(state: State, live?: readonly LiveServer[]): readonly RouteView[] {
  const running = state.running?.config === undefined ? NOTHING_SERVED : servedBy(state.running.config);
  const loaded = loadedRows(running);
  const wanted = state.table === undefined ? loaded : wantedRows(state.table);
  const wantedKeys = new Set(wanted.map(keyOf));
  const loadedKeys = new Set(loaded.map(keyOf));
  const rows = [...loaded, ...wanted.filter((row) => !loadedKeys.has(keyOf(row)))];
  const servers = serversByBackend(running, live);
  return rows
    .map((row) => ({
      ...row,
      state: !loadedKeys.has(keyOf(row))
        ? ('pending' as const)
        : wantedKeys.has(keyOf(row))
          ? ('serving' as const)
          : ('leaving' as const),
      servers: servers.get(row.backend) ?? [],
    }))
    .sort((a, b) => byText(a.kind, b.kind) || byText(a.route, b.route) || byText(a.backend, b.backend));
}

type Row = Pick<RouteView, 'route' | 'kind' | 'backend' | 'app'>;

const keyOf = (row: Row): string => `${row.kind} ${row.route} ${row.backend}`;

function loadedRows(served: Served): readonly Row[] {
  return [
    ...served.routes.map((row) => ({ route: routeName(row), kind: 'http' as const, ...ownerOf(row) })),
    ...served.services.map((row) => ({ route: bindName(row), kind: 'service' as const, ...ownerOf(row) })),
  ];
}

function wantedRows(table: RoutingTable): readonly Row[] {
  return [
    ...table.routes.map((row) => ({ route: routeName(row), kind: 'http' as const, ...ownerOf(row) })),
    ...table.services.flatMap((service) =>
      service.binds.map((bind) => ({ route: bindName(bind), kind: 'service' as const, ...ownerOf(service) })),
    ),
  ];
}

function ownerOf(row: { readonly backend: BackendName | string; readonly app?: AppId }): Pick<Row, 'backend' | 'app'> {
  return { backend: row.backend, ...(row.app === undefined ? {} : { app: row.app }) };
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
