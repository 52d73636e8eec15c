import type { Backend, RoutingTable } from './routing.ts';
import { backendNamed, byName, indexOfName, listDiff } from './table-diff.ts';

/**
 * The table that HAProxy was told to run, and what it ran before where that is more: whatever of the way was gone, every server
 * that may be there is in it with its words.
 */
export function eitherTable(told: RoutingTable, before: RoutingTable | undefined): RoutingTable {
  if (before === undefined || before.backends === told.backends) return told;
  const { removed, added } = listDiff(before.backends, told.backends, byName);
  const backends = [...told.backends];
  for (const backend of added)
    backends[indexOfName(told.backends, backend.name)] = withServersOf(backend, backendNamed(before, backend.name));
  const gone = removed.filter(({ name }) => backendNamed(told, name) === undefined);
  return { ...told, backends: gone.length === 0 ? backends : [...backends, ...gone].sort(byName) };
}

function withServersOf(backend: Backend, before: Backend | undefined): Backend {
  if (before === undefined || before === backend) return backend;
  const names = new Set(backend.servers.map(({ name }) => name));
  const more = before.servers.filter(({ name }) => !names.has(name));
  return more.length === 0 ? backend : { ...backend, servers: [...backend.servers, ...more] };
}
