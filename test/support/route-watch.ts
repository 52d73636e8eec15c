import type { AppId } from '../../src/core/app.ts';
import { MAP_FILES, type MapFile, mapRows } from '../../src/core/maps.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import { backendNamed } from '../../src/core/table-diff.ts';
import { liveRows, type ScriptedWorker } from './scripted-worker.ts';

/** Looks at what a worker's rows lead to after every single command. */
export interface RouteWatch {
  /** This is to run from now on; what was wanted since the last settle may still be there. */
  want(table: RoutingTable): void;
  /** It runs, and nothing else any more. */
  settled(): void;
  /** A worker took over that holds this. */
  started(worker: ScriptedWorker, table: RoutingTable): void;
  /** It carried out a line. */
  after(worker: ScriptedWorker, line: string): void;
  /** HAProxy said that it did what it did not: nothing but a look afterwards can tell, so that gaps until the next settle are its own. */
  lied(): void;
  /** What was wrong on the way. */
  readonly violations: readonly string[];
}

const LEADING: readonly MapFile[] = MAP_FILES.filter((map) =>
  /\/(?:paths|paths-nocase|hosts|wildcards|app-ids|ports)\.map$/.test(map),
);
const CHANGES = /^(?:add|set|del|commit|clear|enable|publish|unpublish) /;

/** Whose a table says that keys and endpoints are, and which keys it answers. */
interface Owners {
  readonly ofKey: ReadonlyMap<string, AppId>;
  readonly ofEndpoint: ReadonlyMap<string, AppId>;
  readonly answered: ReadonlySet<string>;
}

/** Nothing was wanted yet. */
export function createRouteWatch(): RouteWatch {
  const violations: string[] = [];
  let allowed: Owners[] = [];
  let answered: ReadonlySet<string> = new Set();
  let honest = true;
  /** The last lines, for whoever has to find out. */
  const trace: string[] = [];
  const wanted = (): Owners | undefined => allowed.at(-1);

  /** Whether some table gives the key and the endpoint to the same app. */
  const isOwn = (key: string, endpoint: string): boolean => {
    const apps = new Set(allowed.flatMap(({ ofEndpoint }) => ofEndpoint.get(endpoint) ?? []));
    return allowed.some(({ ofKey }) => apps.has(ofKey.get(key) as AppId));
  };

  function look(worker: ScriptedWorker, line: string): ReadonlySet<string> {
    const now = new Set<string>();
    const ready = new Map<string, readonly string[]>();
    for (const [name, servers] of worker.backends) {
      const its = [...servers.values()].filter(({ admin }) => admin === 'ready');
      ready.set(
        name,
        its.map(({ address, port }) => `${address}:${port}`),
      );
    }
    for (const map of LEADING) {
      const rows = worker.maps.get(map);
      if (rows === undefined) continue;
      for (const [row, [backend = '']] of liveRows(rows)) {
        const key = `${map} ${row}`;
        const endpoints = worker.unpublished.has(backend) ? [] : (ready.get(backend) ?? []);
        if (endpoints.length > 0) now.add(key);
        for (const endpoint of endpoints) {
          if (!isOwn(key, endpoint)) violations.push(`${line}: ${key} leads to ${endpoint} in ${backend}`);
        }
      }
    }
    return now;
  }

  return {
    violations,
    want(table) {
      allowed.push(ownersIn(table));
    },
    lied() {
      honest = false;
    },
    settled() {
      honest = true;
      allowed = allowed.slice(-1);
    },
    started(worker, table) {
      allowed.unshift(ownersIn(table));
      trace.push('started');
      answered = look(worker, 'start');
    },
    after(worker, line) {
      if (!CHANGES.test(line)) return;
      trace.push(line);
      trace.splice(0, trace.length - 30);
      const now = look(worker, line);
      for (const key of answered) {
        if (honest && !now.has(key) && wanted()?.answered.has(key))
          violations.push(`${line}: ${key} has no server any more`);
      }
      if (violations.length > 0) violations.push(...trace.splice(0));
      answered = now;
    },
  };
}

function ownersIn(table: RoutingTable): Owners {
  const ofKey = new Map<string, AppId>();
  const answered = new Set<string>();
  for (const map of LEADING) {
    for (const [row, name] of mapRows(table, map, 'prefix')) {
      const backend = backendNamed(table, name);
      if (backend === undefined) continue;
      ofKey.set(`${map} ${row}`, backend.app);
      if (backend.servers.some(({ admission }) => admission === 'ready')) answered.add(`${map} ${row}`);
    }
  }
  const ofEndpoint = new Map<string, AppId>();
  for (const { app, servers } of table.backends) {
    for (const { endpoint } of servers) ofEndpoint.set(`${endpoint.address}:${endpoint.port}`, app);
  }
  return { ofKey, ofEndpoint, answered };
}
