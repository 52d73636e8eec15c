import type { Leftovers } from './leftovers.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { Backend, Server } from './routing.ts';
import type { Tier } from './runtime.ts';
import { sameWords } from './server-words.ts';
import { serverId } from './servers.ts';
import type { Shapes } from './shapes.ts';

/** What a server needs to get into a running backend. */
export interface ServerReach {
  readonly shapes: Shapes;
  readonly tier: Tier;
  readonly leftovers: Leftovers;
  readonly needs: ReloadNeed[];
}

/**
 * The wanted backend with the servers that commands can give it, under the ids that HAProxy knows them by; `was` is what runs. The
 * wanted object itself when nothing stands in the way.
 */
export function reachServers(was: Backend | undefined, wanted: Backend, reach: ServerReach): Backend {
  const running = new Map(was?.servers.map((server) => [server.name, server]));
  const left = reach.leftovers.get(wanted.name);
  const taken = new Set([...running.values(), ...(left?.values() ?? [])].map(({ id }) => id));
  const servers = wanted.servers.flatMap((server): Server | readonly Server[] => {
    const live = running.get(server.name);
    if (live !== undefined) return stayingServer(live, server, wanted, reach);
    const revived = left?.get(server.name);
    if (revived === undefined) return newServer(server, wanted, taken, reach);
    if (revived.server === undefined || sameWords(revived.server, server)) return withId(server, revived.id);
    reach.needs.push({ because: 'server-name-taken', backend: wanted.name, server: server.name });
    return [];
  });
  return withServers(wanted, keepAnswering(was, wanted, servers));
}

/** The running backend as far as it may follow: its servers leave and pause, but nobody new gets behind text that is no longer wanted. */
export function shrinkServers(was: Backend, wanted: Backend): Backend {
  const stay = new Map(wanted.servers.map((server) => [server.name, server]));
  const servers = was.servers.flatMap((server) => {
    const now = stay.get(server.name);
    return now === undefined ? [] : withAdmission(server, now.admission);
  });
  return withServers(was, keepAnswering(was, wanted, servers));
}

function stayingServer(live: Server, wanted: Server, { name }: Backend, { needs }: ServerReach): Server {
  if (sameWords(live, wanted)) return withId(wanted, live.id);
  needs.push({ because: 'server-changed', backend: name, server: wanted.name });
  return withAdmission(live, wanted.admission);
}

function newServer(server: Server, backend: Backend, taken: Set<number>, reach: ServerReach): readonly Server[] {
  const { shapes, tier, needs } = reach;
  if (tier === 'C' && server.cookie !== undefined && !shapes.computesCookies(backend.profile)) {
    needs.push({ because: 'sticky-server', backend: backend.name, server: server.name });
    return [];
  }
  if (!shapes.isAddable(backend, server)) {
    needs.push({ because: 'server-text', backend: backend.name, server: server.name });
    return [];
  }
  // HAProxy refuses an id that another server of the backend has, be it one on its way out.
  const id = taken.has(server.id) ? serverId(server.name, taken) : server.id;
  taken.add(id);
  return [withId(server, id)];
}

/** Requests go on to the old servers as long as none of the wanted ones can take them. */
function keepAnswering(was: Backend | undefined, wanted: Backend, servers: readonly Server[]): readonly Server[] {
  const old = was?.servers.filter(isReady) ?? [];
  if (old.length === 0 || servers.some(isReady) || !wanted.servers.some(isReady)) return servers;
  const names = new Set(old.map(({ name }) => name));
  return [...servers.filter(({ name }) => !names.has(name)), ...old];
}

/** Whether a server takes requests, as far as we have a say in it. */
export const isReady = ({ admission }: Server): boolean => admission === 'ready';

const withId = (server: Server, id: number): Server => (server.id === id ? server : { ...server, id });

const withAdmission = (server: Server, admission: Server['admission']): Server =>
  server.admission === admission ? server : { ...server, admission };

function withServers(backend: Backend, servers: readonly Server[]): Backend {
  const same =
    servers.length === backend.servers.length && servers.every((server, index) => server === backend.servers[index]);
  return same ? backend : { ...backend, servers };
}
