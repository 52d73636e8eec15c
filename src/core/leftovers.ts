import type { TaskId } from './app.ts';
import type { BackendName, Server, ServerName } from './routing.ts';
import type { LeftPlace, Tier } from './runtime.ts';

/**
 * Servers that were removed and are still there in maintenance: on tier C for ever, else until nothing is attached to them any
 * more. Their names and ids are taken; one that comes back with the same words is let in again.
 */
export type Leftovers = ReadonlyMap<BackendName, ReadonlyMap<ServerName, Leftover>>;

/** One of them. Without `server` its words are unknown, as it was only seen; they count as the wanted ones. */
export interface Leftover {
  readonly id: number;
  readonly server?: Server;
}

/** A server in its backend. */
export interface ServerPlace {
  readonly backend: BackendName;
  readonly server: ServerName;
}

/** The task of a server that was seen, and that nobody knows: its words are unknown. */
export const STRANGER = '' as TaskId;

/** Nothing was ever removed. */
export const NO_LEFTOVERS: Leftovers = new Map();

/** Tier C never deletes; beyond this many a reload makes HAProxy forget them (haproxy-runtime 4.2). */
export const MAX_TOMBSTONES = 2_000;

/** How many there are. */
export function countLeftovers(leftovers: Leftovers): number {
  let count = 0;
  for (const servers of leftovers.values()) count += servers.size;
  return count;
}

/** `removed` join, `back` leave. The same object when nothing changes. */
export function changeLeftovers(
  leftovers: Leftovers,
  removed: readonly { readonly backend: BackendName; readonly name: ServerName; readonly left: Leftover }[],
  back: readonly ServerPlace[],
): Leftovers {
  if (removed.length === 0 && back.length === 0) return leftovers;
  const changed = new Map(leftovers);
  const fresh = new Map<BackendName, Map<ServerName, Leftover>>();
  const of = (backend: BackendName): Map<ServerName, Leftover> => {
    const servers = fresh.get(backend) ?? new Map(leftovers.get(backend));
    fresh.set(backend, servers);
    return servers;
  };
  for (const { backend, server } of back) of(backend).delete(server);
  for (const { backend, name, left } of removed) of(backend).set(name, left);
  for (const [backend, servers] of fresh) {
    if (servers.size === 0) changed.delete(backend);
    else changed.set(backend, servers);
  }
  return changed;
}

/** After a batch or a sweep: of `tried`, only those in `left` are still there. On tier C nothing ever goes. */
export function forgetDeleted(
  leftovers: Leftovers,
  tier: Tier,
  tried: readonly ServerPlace[],
  left: readonly LeftPlace[],
): Leftovers {
  if (tier === 'C') return leftovers;
  const still = new Set(left.map(({ backend, server }) => `${backend}/${server}`));
  return changeLeftovers(
    leftovers,
    [],
    tried.filter(({ backend, server }) => !still.has(`${backend}/${server}`)),
  );
}
