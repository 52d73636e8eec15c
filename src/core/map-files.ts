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
  const keys = createKeyCounts();
  let before: readonly (readonly Line[])[] = [];

  function write(map: MapFile, all: readonly (readonly Line[])[]): void {
    const lines = keys.isRepeated(map) ? eachKeyOnce(linesIn(all, map)) : linesIn(all, map).map(({ text }) => text);
    const digest = digests.get(map) ?? createTextDigest();
    digests.set(map, digest);
    texts.set(map, { lines, digest: digest(lines) });
  }

  return (items) => {
    const now = list(items);
    if (now === before) return texts;
    const { head, tail } = commonEnds(before, now);
    const [gone, came] = [different(before, now, head, tail), different(now, before, head, tail)];
    for (const line of gone) keys.count(line, -1);
    for (const line of came) keys.count(line, 1);
    for (const map of differentMaps(gone, came)) write(map, now);
    before = now;
    return texts;
  };
}

/**
 * Lines of a list that another one does not have at the same place, or, where it is longer or shorter, all between what they begin and
 * end with.
 */
function different(
  of: readonly (readonly Line[])[],
  other: readonly (readonly Line[])[],
  head: number,
  tail: number,
): readonly Line[] {
  const middle = of.slice(head, of.length - tail);
  return of.length === other.length ? middle.filter((one, at) => one !== other[head + at]).flat() : middle.flat();
}

/** How often each key is in its map, and whether any is there more than once: all of a map need not be looked at for that. */
function createKeyCounts() {
  const counts = new Map<MapFile, Map<string, number>>();
  const repeats = new Map<MapFile, number>();
  return {
    count({ map, key }: Line, by: 1 | -1): void {
      const ofMap = counts.get(map) ?? new Map<string, number>();
      counts.set(map, ofMap);
      const was = ofMap.get(key) ?? 0;
      if (was + by === 0) ofMap.delete(key);
      else ofMap.set(key, was + by);
      if (Math.min(was, was + by) >= 1) repeats.set(map, (repeats.get(map) ?? 0) + by);
    },
    isRepeated: (map: MapFile): boolean => (repeats.get(map) ?? 0) > 0,
  };
}

function linesIn(all: readonly (readonly Line[])[], map: MapFile): readonly Line[] {
  const found: Line[] = [];
  for (const lines of all) for (const line of lines) if (line.map === map) found.push(line);
  return found;
}

/** The maps in which the rows, or their order, are not the same. */
function differentMaps(gone: readonly Line[], came: readonly Line[]): readonly MapFile[] {
  const linesByMap = (lines: readonly Line[]): ReadonlyMap<MapFile, readonly Line[]> =>
    Map.groupBy(lines, ({ map }) => map);
  const [was, is] = [linesByMap(gone), linesByMap(came)];
  return [...new Set([...was.keys(), ...is.keys()])].filter((map) => !sameLines(was.get(map), is.get(map)));
}

function sameLines(a: readonly Line[] = [], b: readonly Line[] = []): boolean {
  return a.length === b.length && a.every(({ text }, index) => text === b[index]?.text);
}

/** A key stands there once: HAProxy finds the first. */
function eachKeyOnce(lines: readonly Line[]): readonly string[] {
  const first = new Map<string, Line>();
  for (const line of lines) if (!first.has(line.key)) first.set(line.key, line);
  return [...first.values()].map(({ text }) => text);
}
