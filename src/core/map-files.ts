import { createTextDigest } from './digest.ts';
import { commonEnds, createListMaker } from './list-maker.ts';
import type { MapFile, MapRow } from './maps.ts';
import { appIdRow, backendRows, MAP_FILES, portRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import { remembered } from './remembered.ts';
import type { AppIdRoute, Backend, Route, RoutingTable, ServiceFrontend } from './routing.ts';

/** One map file: its rows as lines, and their digest. The same object as long as it says the same. */
export interface MapText {
  readonly lines: readonly string[];
  readonly digest: Uint8Array;
}

/** The map files of a table, made anew where they are different. They say what `mapRows` says. */
export type MapFiles = (table: RoutingTable) => ReadonlyMap<MapFile, MapText>;

/** A row as it stands in its file. */
interface Line extends MapRow {
  readonly text: string;
}

/** Files of a node; nothing is in them yet. */
export function createMapFiles(pathMatch: PathMatch): MapFiles {
  const empty: MapText = { lines: [], digest: createTextDigest()([]) };
  const routes = createSource((route: Route) => routeRows(route, pathMatch));
  const appIds = createSource((route: AppIdRoute) => [appIdRow(route)]);
  const services = createSource((service: ServiceFrontend) => portRows(service));
  const backends = createSource((backend: Backend) => backendRows(backend));
  return (table) => {
    const filled = [
      ...routes(table.routes),
      ...appIds(table.appIds),
      ...services(table.services),
      ...backends(table.backends),
    ];
    return new Map([...MAP_FILES.map((map) => [map, empty] as const), ...filled]);
  };
}

/** What things of one kind say in the maps. No two kinds say anything in one map. */
function createSource<K extends object>(
  rowsOf: (item: K) => readonly MapRow[],
): (items: readonly K[]) => ReadonlyMap<MapFile, MapText> {
  const list = createListMaker(
    remembered((item: K) => rowsOf(item).map((row): Line => ({ ...row, text: `${row.key} ${row.value}\n` }))),
  );
  const digests = new Map<MapFile, ReturnType<typeof createTextDigest>>();
  const texts = new Map<MapFile, MapText>();
  let before: readonly (readonly Line[])[] = [];

  function write(map: MapFile, all: readonly Line[]): void {
    const lines = eachKeyOnce(all.filter((line) => line.map === map));
    const digest = digests.get(map) ?? createTextDigest();
    digests.set(map, digest);
    texts.set(map, { lines, digest: digest(lines) });
  }

  return (items) => {
    const now = list(items);
    if (now === before) return texts;
    const different = differentMaps(before, now);
    if (different.length > 0) {
      const all = now.flat();
      for (const map of different) write(map, all);
    }
    before = now;
    return texts;
  };
}

/** The maps in which the rows, or their order, are not the same. */
function differentMaps(before: readonly (readonly Line[])[], now: readonly (readonly Line[])[]): readonly MapFile[] {
  const { head, tail } = commonEnds(before, now);
  const linesByMap = (of: typeof now): ReadonlyMap<MapFile, readonly Line[]> =>
    Map.groupBy(of.slice(head, of.length - tail).flat(), ({ map }) => map);
  const [was, is] = [linesByMap(before), linesByMap(now)];
  return [...new Set([...was.keys(), ...is.keys()])].filter((map) => !sameLines(was.get(map), is.get(map)));
}

function sameLines(a: readonly Line[] = [], b: readonly Line[] = []): boolean {
  return a.length === b.length && a.every(({ text }, index) => text === b[index]?.text);
}

/** A key stands there once: HAProxy finds the first. */
function eachKeyOnce(lines: readonly Line[]): readonly string[] {
  const keys = new Set<string>();
  return lines.flatMap(({ key, text }) => {
    const isNew = !keys.has(key);
    keys.add(key);
    return isNew ? [text] : [];
  });
}
