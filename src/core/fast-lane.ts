import type { AppId } from './app.ts';
import { instanceOf, type LeavingTask } from './leaving.ts';
import type { Backend, BackendName, RoutingTable, Server } from './routing.ts';
import type { RuntimeCommand } from './runtime.ts';
import { byName, indexOfName, listDiff } from './table-diff.ts';

type Admission = Extract<RuntimeCommand, { do: 'set-admission' }>;

/** Backends with servers taken out, and the commands that do it; the same array when there are none. */
export interface TakenOut {
  readonly backends: readonly Backend[];
  readonly commands: readonly Admission[];
}

/**
 * Takes the servers of leaving tasks out of rotation before any fetch: established requests finish, sticky clients go elsewhere. An
 * event alone never takes the last server of a backend: another one must be there that serves and does not leave.
 */
export type TakeOut = (running: RoutingTable, leaving: readonly LeavingTask[]) => TakenOut;

/** Remembers which backends serve which app: it is asked at every event, and only looks at what changed since. */
export function createTakeOut(): TakeOut {
  const serving = createServing();
  return ({ backends }, leaving) => {
    const ids = new Set<string>(leaving.map(({ task }) => task));
    const commands: Admission[] = [];
    let left = backends;
    for (const name of serving(backends, new Set(leaving.map(({ app }) => app)))) {
      const at = indexOfName(backends, name);
      const backend = backends[at];
      const out = backend === undefined ? undefined : drained(backend, ids);
      if (out === undefined) continue;
      left = left.with(at, out.backend);
      commands.push(...out.commands);
    }
    return { backends: left, commands };
  };
}

function drained(backend: Backend, ids: ReadonlySet<string>) {
  const leaves = ({ task }: Server): boolean => ids.has(task) || ids.has(instanceOf(task));
  const going = new Set(backend.servers.filter((server) => server.admission === 'ready' && leaves(server)));
  const staying = backend.servers.some((server) => server.admission === 'ready' && !leaves(server));
  if (going.size === 0 || !staying) return undefined;
  const commands = [...going].map(
    ({ name }): Admission => ({ do: 'set-admission', backend: backend.name, server: name, admission: 'maint' }),
  );
  const servers = backend.servers.map((server) =>
    going.has(server) ? { ...server, admission: 'maint' as const } : server,
  );
  return { backend: { ...backend, servers }, commands };
}

/** Names of the backends that may hold tasks of some apps, in order. Backends must be in the order of their names. */
function createServing() {
  let known: readonly Backend[] = [];
  const byApp = new Map<AppId, Set<BackendName>>();
  const shared = new Set<BackendName>();
  return (backends: readonly Backend[], apps: ReadonlySet<AppId>): readonly BackendName[] => {
    const { removed, added } = listDiff(known, backends, byName);
    known = backends;
    for (const backend of removed) {
      byApp.get(backend.app)?.delete(backend.name);
      if (byApp.get(backend.app)?.size === 0) byApp.delete(backend.app);
      shared.delete(backend.name);
    }
    for (const backend of added) {
      byApp.set(backend.app, (byApp.get(backend.app) ?? new Set()).add(backend.name));
      if (isShared(backend)) shared.add(backend.name);
    }
    const own = [...apps].flatMap((app) => [...(byApp.get(app) ?? [])]);
    return [...new Set([...own, ...shared])].sort();
  };
}

/** The backend of a deployment group serves tasks of several apps. Tasks are named after theirs (marathon-api 0). */
function isShared({ app, servers }: Backend): boolean {
  const own = `${app.slice(1).replaceAll('/', '_')}.`;
  return servers.some(({ task }) => !task.startsWith(own));
}
