import { instanceOf, type LeavingTask } from './leaving.ts';
import { remembered } from './remembered.ts';
import type { Backend, RoutingTable, Server } from './routing.ts';
import type { RuntimeCommand } from './runtime.ts';

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
export function takeOut(running: RoutingTable, leaving: readonly LeavingTask[]): TakenOut {
  const commands: Admission[] = [];
  const apps = new Set(leaving.map(({ app }) => app));
  const ids = new Set<string>(leaving.map(({ task }) => task));
  const leaves = ({ task }: Server): boolean => ids.has(task) || ids.has(instanceOf(task));
  const drained = (backend: Backend): Backend => {
    const going = backend.servers.filter((server) => server.admission === 'ready' && leaves(server));
    const staying = backend.servers.some((server) => server.admission === 'ready' && !leaves(server));
    if (going.length === 0 || !staying) return backend;
    for (const { name } of going) {
      commands.push({ do: 'set-admission', backend: backend.name, server: name, admission: 'maint' });
    }
    const gone = new Set(going);
    return {
      ...backend,
      servers: backend.servers.map((server) => (gone.has(server) ? { ...server, admission: 'maint' } : server)),
    };
  };
  const backends = running.backends.map((backend) =>
    apps.has(backend.app) || isShared(backend) ? drained(backend) : backend,
  );
  return commands.length === 0 ? { backends: running.backends, commands } : { backends, commands };
}

/** The backend of a deployment group serves tasks of several apps. Tasks are named after theirs (marathon-api 0). */
const isShared = remembered(({ app, servers }: Backend): boolean => {
  const own = `${app.slice(1).replaceAll('/', '_')}.`;
  return servers.some(({ task }) => !task.startsWith(own));
});
