import type { Leftovers, ServerPlace } from './leftovers.ts';
import { changeLeftovers } from './leftovers.ts';
import type { MapFile } from './maps.ts';
import { appIdRow, backendRows, mapRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { ReachInputs } from './reach.ts';
import { reachTable } from './reach.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, Server } from './routing.ts';
import type { RuntimeCommand } from './runtime.ts';
import type { Edits } from './runtime-edits.ts';
import { admitServer, editRows, enterServer, inOrder, leaveServer, noEdits } from './runtime-edits.ts';
import { byAppId, byName, byRoute, listDiff } from './table-diff.ts';

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
}

/** Parts of a running HAProxy. */
export interface Touched {
  readonly backends: readonly BackendName[];
  /** Maps that are replaced. */
  readonly maps: readonly MapFile[];
  /** Single rows of the other maps. */
  readonly rows: readonly { readonly map: MapFile; readonly key: string }[];
}

/**
 * The commands from what runs to what should run, and what they cannot do. The cost follows the change: objects that both tables
 * hold are not looked at.
 */
export function planRuntime(inputs: PlanInputs): RuntimePlan {
  const { before, pathMatch, leftovers } = inputs;
  const { target, needs } = reachTable(inputs);
  const edits = noEdits();
  const known = editTables(edits, before, target, inputs);
  return asPlan(edits, { target, needs, leftovers, pathMatch, known });
}

/**
 * Notes everything in which two tables differ, but for servers of backends that `skip` names. Gives the backends of before that
 * are not in the other table.
 */
export function editTables(
  edits: Edits,
  before: RoutingTable,
  target: RoutingTable,
  { leftovers, pathMatch }: Pick<PlanInputs, 'leftovers' | 'pathMatch'>,
  skip: (name: BackendName) => boolean = () => false,
): readonly Backend[] {
  const { removed, added } = listDiff(before.backends, target.backends, byName);
  const were = new Map(removed.map((backend) => [backend.name, backend]));
  for (const backend of added) {
    const was = were.get(backend.name);
    were.delete(backend.name);
    if (!skip(backend.name)) editBackend(edits, backend.name, was, backend, leftovers);
  }
  for (const backend of were.values()) {
    if (!skip(backend.name)) editBackend(edits, backend.name, backend, undefined, leftovers);
  }
  const routes = listDiff(before.routes, target.routes, byRoute);
  const appIds = listDiff(before.appIds, target.appIds, byAppId);
  const rowsOf = (backends: readonly Backend[], ways: readonly Route[], ids: readonly AppIdRoute[]) => [
    ...backends.flatMap(backendRows),
    ...ways.flatMap((route) => routeRows(route, pathMatch)),
    ...ids.map(appIdRow),
  ];
  editRows(edits, rowsOf(removed, routes.removed, appIds.removed), rowsOf(added, routes.added, appIds.added));
  return removed;
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
  readonly pathMatch: PathMatch;
  /** Backends that hold the servers that leave. */
  readonly known: readonly Backend[];
}

/** Puts edits in order and tells what they touch. */
export function asPlan(edits: Edits, { target, needs, leftovers, pathMatch, known }: PlanParts): RuntimePlan {
  const commands = inOrder(edits, (map) => mapRows(target, map, pathMatch));
  const removed: ServerPlace[] = [];
  const back: ServerPlace[] = [];
  for (const command of commands) {
    if (command.do === 'remove-server') removed.push({ backend: command.backend, server: command.server });
    if (command.do === 'revive-server') back.push({ backend: command.backend, server: command.server.name });
  }
  const servers = new Map<string, Server>();
  for (const { name, servers: its } of removed.length === 0 ? [] : known) {
    for (const server of its) servers.set(`${name}/${server.name}`, server);
  }
  const joining = removed.flatMap(({ backend, server: name }) => {
    const server = servers.get(`${backend}/${name}`);
    return server === undefined ? [] : [{ backend, name, left: { id: server.id, server } }];
  });
  return {
    commands,
    target,
    needs,
    touched: touchedBy(commands),
    removed,
    leftovers: changeLeftovers(leftovers, joining, back),
  };
}

function touchedBy(commands: readonly RuntimeCommand[]): Touched {
  const backends = new Set<BackendName>();
  const maps = new Set<MapFile>();
  const rows: { readonly map: MapFile; readonly key: string }[] = [];
  for (const command of commands) {
    if ('backend' in command) backends.add(command.backend);
    else if (command.do === 'replace-map') maps.add(command.map);
    else rows.push({ map: command.map, key: command.key });
  }
  return { backends: [...backends], maps: [...maps], rows: rows.filter(({ map }) => !maps.has(map)) };
}
