import { afterCommands, isDeletable, isThere } from './dynamic-backends.ts';
import type { Leftovers, ServerPlace } from './leftovers.ts';
import { changeLeftovers, STRANGER } from './leftovers.ts';
import type { Loaded } from './loaded.ts';
import type { MapFile } from './maps.ts';
import { appIdRow, backendRows, mapRows, portRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { ReachInputs } from './reach.ts';
import { reachTable } from './reach.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { Backend, BackendName, RoutingTable, Server } from './routing.ts';
import type { RuntimeCommand, Tier } from './runtime.ts';
import type { Edits } from './runtime-edits.ts';
import {
  admitServer,
  editRows,
  enterServer,
  inOrder,
  leaveServer,
  makeBackend,
  noEdits,
  openBackend,
  removeBackend,
} from './runtime-edits.ts';
import { backendNamed, byAppId, byFirstBind, byRoute, type ListDiff, listDiff } from './table-diff.ts';

/** What a plan starts from, and how paths are matched, which is how rows are spelled. */
export interface PlanInputs extends ReachInputs {
  readonly pathMatch: PathMatch;
}

/** What to tell a running HAProxy. */
export interface RuntimePlan {
  readonly commands: readonly RuntimeCommand[];
  /** The table that runs once the commands were carried out: `before` of the next plan. */
  readonly target: RoutingTable;
  /** What of the wanted table it is not; empty: no reload. */
  readonly needs: readonly ReloadNeed[];
  /** Backends and rows that the commands touch: what to read before and after. */
  readonly touched: Touched;
  /** Servers that the commands remove. */
  readonly removed: readonly ServerPlace[];
  /** Leftovers once the commands were carried out, and before anything was deleted (`forgetDeleted`). */
  readonly leftovers: Leftovers;
  /** What is loaded once the commands were carried out, and before anything was deleted (`forgetClosed`). */
  readonly loaded: Loaded;
}

/** Parts of a running HAProxy. */
export interface Touched {
  readonly backends: readonly BackendName[];
  /** Maps that are replaced. */
  readonly maps: readonly MapFile[];
  /** Single rows of the other maps. */
  readonly rows: readonly TouchedRow[];
}

/** A row with its values before and after; absent: there is no such row. */
export interface TouchedRow {
  readonly map: MapFile;
  readonly key: string;
  readonly was?: string;
  readonly value?: string;
}

/**
 * The commands from what runs to what should run, and what they cannot do. The cost follows the change: objects that both tables
 * hold are not looked at.
 */
export function planRuntime(inputs: PlanInputs): RuntimePlan {
  const { before, pathMatch, leftovers, loaded } = inputs;
  const { target, needs, backends } = reachTable(inputs);
  const edits = noEdits(loaded.maps);
  editBackends(edits, backends, target, inputs);
  editServers(edits, backends, leftovers);
  editTableRows(edits, before, target, backends, pathMatch);
  return asPlan(edits, { target, needs, leftovers, loaded, pathMatch, known: backends.removed });
}

/** Notes backends that come and go (tier A); below it they are there or a reload is needed. */
export function editBackends(
  edits: Edits,
  { removed, added }: ListDiff<Backend>,
  target: RoutingTable,
  { loaded, tier }: { readonly loaded: Loaded; readonly tier: Tier },
): void {
  if (tier !== 'A') return;
  for (const backend of added) if (!isThere(loaded, backend.name)) makeBackend(edits, backend);
  for (const name of loaded.dynamic.closed) if (backendNamed(target, name) !== undefined) openBackend(edits, name);
  for (const { name } of removed) {
    if (backendNamed(target, name) === undefined && isDeletable(loaded, name)) removeBackend(edits, name);
  }
}

/** Notes every server of backends that differ, but for those that `skip` names. */
export function editServers(
  edits: Edits,
  { removed, added }: ListDiff<Backend>,
  leftovers: Leftovers,
  skip: (name: BackendName) => boolean = () => false,
): void {
  const were = new Map(removed.map((backend) => [backend.name, backend]));
  for (const backend of added) {
    const was = were.get(backend.name);
    were.delete(backend.name);
    if (!skip(backend.name)) editBackend(edits, backend.name, was, backend, leftovers);
  }
  for (const backend of were.values()) {
    if (!skip(backend.name)) editBackend(edits, backend.name, backend, undefined, leftovers);
  }
}

/** Notes every row in which two tables differ. */
export function editTableRows(
  edits: Edits,
  before: RoutingTable,
  target: RoutingTable,
  backends: ListDiff<Backend>,
  pathMatch: PathMatch,
): void {
  const routes = listDiff(before.routes, target.routes, byRoute);
  const appIds = listDiff(before.appIds, target.appIds, byAppId);
  const services = listDiff(before.services, target.services, byFirstBind);
  const rowsOf = (list: 'removed' | 'added') => [
    ...backends[list].flatMap(backendRows),
    ...routes[list].flatMap((route) => routeRows(route, pathMatch)),
    ...appIds[list].map(appIdRow),
    ...services[list].flatMap(portRows),
  ];
  editRows(edits, rowsOf('removed'), rowsOf('added'));
}

function editBackend(
  edits: Edits,
  name: BackendName,
  before: Backend | undefined,
  after: Backend | undefined,
  leftovers: Leftovers,
): void {
  if (before?.servers === after?.servers) return;
  const were = new Map(before?.servers.map((server) => [server.name, server]));
  for (const server of after?.servers ?? []) {
    const was = were.get(server.name);
    were.delete(server.name);
    if (was === undefined) enterServer(edits, name, server, leftovers.get(name)?.has(server.name) ? 'there' : 'new');
    else if (was.admission !== server.admission) admitServer(edits, name, server);
  }
  for (const gone of were.keys()) leaveServer(edits, name, gone);
}

/** What a plan is made of besides its edits. */
interface PlanParts {
  readonly target: RoutingTable;
  readonly needs: readonly ReloadNeed[];
  readonly leftovers: Leftovers;
  readonly loaded: Loaded;
  readonly pathMatch: PathMatch;
  /** Backends that hold the servers that leave. */
  readonly known: readonly Backend[];
}

/** Puts edits in order and tells what they touch. */
export function asPlan(edits: Edits, { target, needs, leftovers, loaded, pathMatch, known }: PlanParts): RuntimePlan {
  const commands = inOrder(edits, (map) => mapRows(target, map, pathMatch));
  const removed: ServerPlace[] = [];
  const back: ServerPlace[] = [];
  for (const command of commands) {
    if (command.do === 'remove-server') removed.push({ backend: command.backend, server: command.server });
    if (command.do === 'revive-server') back.push({ backend: command.backend, server: command.server.name });
  }
  const servers = new Map<string, Server>();
  for (const { name, servers: its } of removed.length === 0 ? [] : known) {
    for (const server of its) if (server.task !== STRANGER) servers.set(`${name}/${server.name}`, server);
  }
  const joining = removed.flatMap(({ backend, server: name }) => {
    const server = servers.get(`${backend}/${name}`);
    return server === undefined ? [] : [{ backend, name, left: { id: server.id, server } }];
  });
  return {
    commands,
    target,
    needs,
    touched: touchedBy(edits, commands),
    removed,
    leftovers: changeLeftovers(leftovers, joining, back),
    loaded: afterCommands(loaded, commands),
  };
}

function touchedBy(edits: Edits, commands: readonly RuntimeCommand[]): Touched {
  const backends = new Set<BackendName>();
  const maps = new Set<MapFile>();
  for (const command of commands) {
    if ('backend' in command) backends.add(command.backend);
    else if (command.do === 'replace-map') maps.add(command.map);
  }
  const rows: TouchedRow[] = [];
  for (const [map, { put, drop }] of edits.rows) {
    if (maps.has(map)) continue;
    for (const [key, { value, was }] of put) rows.push({ map, key, value, ...(was === undefined ? {} : { was }) });
    for (const [key, was] of drop) rows.push({ map, key, was });
  }
  return { backends: [...backends], maps: [...maps], rows };
}
