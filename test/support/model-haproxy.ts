import type { Generation } from '../../src/core/config.ts';
import type { MapFile } from '../../src/core/maps.ts';
import { MAP_FILES, mapRows } from '../../src/core/maps.ts';
import type { PathMatch } from '../../src/core/path-match.ts';
import type { RoutingTable, Server } from '../../src/core/routing.ts';
import type { LeftPlace, ObservedRuntime, ObservedServer, RuntimeCommand, Tier } from '../../src/core/runtime.ts';
import { serverWords } from '../../src/core/server-words.ts';
import { type Reserve, sparesAmong } from '../../src/core/spares.ts';
import { type Cookies, profileName } from '../../src/core/template-views.ts';

/** A server as HAProxy holds it. */
export interface ModelServer {
  id: number;
  /** Without id. */
  words: string;
  address: string;
  port: number;
  admission: 'ready' | 'maint' | 'drain';
  /** Nobody remembers its words any more. */
  forgotten?: true;
}

/** What HAProxy holds, and what it would refuse (haproxy-runtime 1 and 4.4). Anything refused throws. */
export interface ModelHaproxy {
  readonly backends: Map<string, Map<string, ModelServer>>;
  readonly maps: ReadonlyMap<MapFile, Map<string, string>>;
  /** A reload: everything as the configuration says, and nothing else. */
  load(table: RoutingTable, reserves: readonly Reserve[]): void;
  run(command: RuntimeCommand): void;
  /** `del server` for everything in maintenance that `table` does not want, except on tier C; gives what is left by `stays`. */
  sweep(servers: readonly ModelPlace[], stays: (server: ModelPlace) => boolean): readonly ModelPlace[];
  /** `del backend` for these (tier A); gives those that are not empty. */
  sweepBackends(backends: readonly string[]): readonly LeftPlace[];
  /** Somebody deletes the nth backend, where HAProxy can do that (tier A). */
  lose(nth: number): void;
  /** Everything, as it would be read. */
  observe(): ObservedRuntime;
  /** What differs from a table: servers with words, ids and states, and every row. */
  differsFrom(table: RoutingTable): readonly string[];
  /** Keys of rows that lead to a backend with a server that takes requests. */
  answered(): ReadonlySet<string>;
}

interface ModelPlace {
  readonly backend: string;
  readonly server: string;
}

/** A HAProxy that was never started. */
export function createModelHaproxy(tier: Tier, pathMatch: PathMatch, cookies: Cookies = 'named'): ModelHaproxy {
  const backends = new Map<string, Map<string, ModelServer>>();
  const maps = new Map(MAP_FILES.map((map) => [map, new Map<string, string>()]));
  const profiles = new Set<string>();
  const made = new Map<string, string>();
  const unpublished = new Set<string>();

  function serversOf(backend: string): Map<string, ModelServer> {
    const servers = backends.get(backend);
    if (servers === undefined) throw new Error(`No such backend: ${backend}`);
    return servers;
  }

  function serverOf(backend: string, server: string): ModelServer {
    const found = serversOf(backend).get(server);
    if (found === undefined) throw new Error(`No such server: ${backend}/${server}`);
    return found;
  }

  function rowsOf(map: MapFile): Map<string, string> {
    const rows = maps.get(map);
    if (rows === undefined) throw new Error(`Unknown map identifier: ${map}`);
    return rows;
  }

  function leads(map: MapFile, value: string): void {
    if (LEADING.has(map) && (!backends.has(value) || unpublished.has(value)))
      throw new Error(`${map} leads to ${value}`);
  }

  function run(command: RuntimeCommand): void {
    switch (command.do) {
      case 'add-backend': {
        const { backend, profile } = command;
        if (tier !== 'A') throw new Error('Unknown command: add backend');
        if (backends.has(backend)) throw new Error(`Already exists a backend of that name: ${backend}`);
        if (!profiles.has(profile)) throw new Error(`Cannot find default proxy '${profile}'.`);
        backends.set(backend, new Map());
        made.set(backend, profile);
        unpublished.add(backend);
        return;
      }
      case 'publish-backend':
        serversOf(command.backend);
        unpublished.delete(command.backend);
        return;
      case 'unpublish-backend':
        serversOf(command.backend);
        if ([...maps].some(([map, rows]) => LEADING.has(map) && [...rows.values()].includes(command.backend)))
          throw new Error(`${command.backend} is led to`);
        unpublished.add(command.backend);
        return;
      case 'delete-backend':
        if (!unpublished.has(command.backend)) throw new Error('Backend must be unpublished prior to its deletion.');
        if ([...serversOf(command.backend).values()].some(({ admission }) => admission !== 'maint'))
          throw new Error(`${command.backend} has servers`);
        return;
      case 'add-server': {
        const { backend, server } = command;
        const servers = serversOf(backend);
        if (servers.has(server.name)) throw new Error(`Already exists a server with the same name: ${server.name}`);
        if ([...servers.values()].some(({ id }) => id === server.id)) throw new Error(`custom id ${server.id} in use`);
        if (tier === 'C' && cookies === 'named' && server.cookie !== undefined)
          throw new Error('cookie is not accepted for dynamic server');
        servers.set(server.name, asModel(server));
        return;
      }
      case 'revive-server': {
        const live = serverOf(command.backend, command.server.name);
        const words = wordsOf(command.server);
        if (live.words !== words && live.forgotten === undefined) throw new Error(`other words: ${live.words}`);
        Object.assign(live, asModel(command.server), { id: live.id });
        delete live.forgotten;
        return;
      }
      case 'set-admission':
        serverOf(command.backend, command.server).admission = command.admission;
        return;
      case 'remove-server':
        serverOf(command.backend, command.server).admission = 'maint';
        return;
      case 'add-row': {
        if (rowsOf(command.map).has(command.key)) throw new Error(`duplicate key ${command.map} ${command.key}`);
        leads(command.map, command.value);
        rowsOf(command.map).set(command.key, command.value);
        return;
      }
      case 'set-row':
        if (!rowsOf(command.map).has(command.key)) throw new Error(`entry not found: ${command.map} ${command.key}`);
        leads(command.map, command.value);
        rowsOf(command.map).set(command.key, command.value);
        return;
      case 'delete-row':
        if (!rowsOf(command.map).delete(command.key)) throw new Error(`Key not found: ${command.map} ${command.key}`);
        return;
      case 'replace-map': {
        const rows = rowsOf(command.map);
        const had = new Map(rows);
        rows.clear();
        for (const [key, value] of command.rows) {
          if (had.get(key) !== value) leads(command.map, value);
          rows.set(key, value);
        }
      }
    }
  }

  return {
    backends,
    maps,
    load(table, reserves) {
      backends.clear();
      profiles.clear();
      made.clear();
      unpublished.clear();
      for (const { profile } of [...table.backends, ...reserves]) profiles.add(profileName(profile));
      for (const { name, servers } of table.backends) {
        backends.set(name, new Map(servers.map((server) => [server.name, asModel(server)])));
      }
      for (const { name } of sparesAmong(reserves)) backends.set(name, new Map());
      for (const map of MAP_FILES) {
        const rows = rowsOf(map);
        rows.clear();
        for (const [key, value] of mapRows(table, map, pathMatch)) rows.set(key, value);
      }
    },
    run,
    sweep(servers, stays) {
      if (tier === 'C') return [];
      return servers.filter((at) => {
        const found = backends.get(at.backend)?.get(at.server);
        if (found === undefined) return false;
        if (found.admission !== 'maint') throw new Error('Only servers in maintenance mode can be deleted.');
        if (stays(at)) return true;
        backends.get(at.backend)?.delete(at.server);
        return false;
      });
    },
    lose(nth) {
      const name = [...backends.keys()][nth % Math.max(1, backends.size)];
      if (tier !== 'A' || name === undefined) return;
      backends.delete(name);
      made.delete(name);
      unpublished.delete(name);
    },
    sweepBackends: (names) =>
      names.flatMap((backend) => {
        if (serversOf(backend).size > 0) return [{ backend }];
        backends.delete(backend);
        made.delete(backend);
        unpublished.delete(backend);
        return [];
      }),
    observe: () => ({
      generation: 1 as Generation,
      backends: new Map(
        [...backends].map(([backend, servers]) => [
          backend,
          [...servers].map(
            ([name, { id, address, port, admission }]): ObservedServer => ({
              name,
              id,
              address,
              port,
              admission,
              up: admission === 'ready',
            }),
          ),
        ]),
      ),
      maps: new Map(MAP_FILES.map((map) => [map, new Map(rowsOf(map))])),
      ...(tier === 'A' ? { dynamic: { made: new Map(made), unpublished: new Set(unpublished) } } : {}),
    }),
    differsFrom(table) {
      const wrong: string[] = [];
      const wanted = new Map(table.backends.map((backend) => [backend.name as string, backend.servers]));
      for (const name of wanted.keys()) if (!backends.has(name)) wrong.push(`no backend ${name}`);
      for (const [name, servers] of backends) {
        const extra = new Map(servers);
        for (const server of wanted.get(name) ?? []) {
          const live = extra.get(server.name);
          extra.delete(server.name);
          const want = JSON.stringify(asModel(server));
          if (JSON.stringify(live) !== want) wrong.push(`${name}/${server.name}: ${JSON.stringify(live)}, not ${want}`);
        }
        for (const [server, { admission }] of extra) {
          if (admission !== 'maint') wrong.push(`${name}/${server} is ${admission}`);
        }
      }
      for (const map of MAP_FILES) {
        const rows = new Map(rowsOf(map));
        for (const [key, value] of mapRows(table, map, pathMatch)) {
          if (rows.get(key) !== value) wrong.push(`${map} ${key}: ${rows.get(key)}, not ${value}`);
          rows.delete(key);
        }
        for (const key of rows.keys()) wrong.push(`${map} has ${key}`);
      }
      return wrong;
    },
    answered() {
      const keys = new Set<string>();
      for (const map of LEADING) {
        for (const [key, value] of rowsOf(map)) {
          const servers = unpublished.has(value) ? [] : [...(backends.get(value)?.values() ?? [])];
          if (servers.some(({ admission }) => admission === 'ready')) keys.add(`${map} ${key}`);
        }
      }
      return keys;
    },
  };
}

/** Maps whose rows lead to backends. */
const LEADING: ReadonlySet<MapFile> = new Set([
  'maps/paths.map',
  'maps/paths-nocase.map',
  'maps/hosts.map',
  'maps/wildcards.map',
  'maps/app-ids.map',
  'maps/ports.map',
]);

const wordsOf = (server: Server): string => serverWords({ ...server, id: 0 });

function asModel(server: Server): ModelServer {
  const { id, endpoint, admission } = server;
  return { id, words: wordsOf(server), address: endpoint.address, port: endpoint.port, admission };
}
