import { MAP_FILES, mapRows } from '../../src/core/maps.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import { serverWords } from '../../src/core/server-words.ts';
import type { Cookies } from '../../src/core/template-views.ts';
import { liveRows, type ScriptedWorker } from './scripted-worker.ts';

/**
 * What a scripted worker holds that a table, in the words of its places, does not say, and the other way round: every row with
 * its value, every server with its address, words and state. A server in maintenance that nobody wants waits to be forgotten.
 */
export function heldDifferences(worker: ScriptedWorker, table: RoutingTable, cookies: Cookies): readonly string[] {
  return [...rowDifferences(worker, table), ...serverDifferences(worker, table, cookies)];
}

function rowDifferences({ maps }: ScriptedWorker, table: RoutingTable): readonly string[] {
  return MAP_FILES.flatMap((file) => {
    const map = maps.get(file);
    if (map === undefined) return [];
    const held = [...liveRows(map)].flatMap(([key, values]) => values.map((value) => `${file} ${key} ${value}`));
    const wanted = [...mapRows(table, file, 'prefix')].map(([key, value]) => `${file} ${key} ${value}`);
    return bothWays(held, wanted);
  });
}

function serverDifferences({ backends }: ScriptedWorker, table: RoutingTable, cookies: Cookies): readonly string[] {
  const wanted = table.backends.flatMap(({ name, servers }) =>
    servers.map((server) => {
      const { address, port } = server.endpoint;
      const words = serverWords({ ...server, id: 0 }, cookies).replace(/^id 0 ?/, '');
      return `${name}/${server.name} ${address}:${port} ${server.admission} ${words}`;
    }),
  );
  const names = new Set(
    table.backends.flatMap(({ name, servers }) => servers.map((server) => `${name}/${server.name}`)),
  );
  const held = [...backends].flatMap(([name, servers]) =>
    [...servers]
      .filter(([server, { admin }]) => admin !== 'maint' || names.has(`${name}/${server}`))
      .map(([server, { address, port, admin, words }]) => `${name}/${server} ${address}:${port} ${admin} ${words}`),
  );
  const absent = table.backends.flatMap(({ name }) => (backends.has(name) ? [] : [`no backend ${name}`]));
  return [...absent, ...bothWays(held, wanted)];
}

function bothWays(held: readonly string[], wanted: readonly string[]): readonly string[] {
  if (held.length === wanted.length && held.every((line, at) => line === wanted[at])) return [];
  const rest = new Map<string, number>();
  for (const line of wanted) rest.set(line, (rest.get(line) ?? 0) + 1);
  for (const line of held) rest.set(line, (rest.get(line) ?? 0) - 1);
  return [...rest].flatMap(([line, count]) => (count === 0 ? [] : [count > 0 ? `missing: ${line}` : `held: ${line}`]));
}
