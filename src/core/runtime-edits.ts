import type { MapFile, MapRow } from './maps.ts';
import { MAP_FILES } from './maps.ts';
import type { Backend, BackendName, Server, ServerName } from './routing.ts';
import type { RuntimeCommand } from './runtime.ts';
import { profileName } from './template-views.ts';

/** More edits of one map than this are one replacement of it (haproxy-runtime 4.4). */
export const MAX_ROW_EDITS = 50;

/** Where nobody knows what is there, a single one is: a row that was not seen would be added to the one that is there. */
const MAX_ROW_EDITS_IN_DOUBT = 0;

/** What is to be done, before it is put into an order. */
export interface Edits {
  /** Backends that come, are opened, closed and deleted. */
  readonly make: RuntimeCommand[];
  readonly open: RuntimeCommand[];
  readonly close: RuntimeCommand[];
  readonly remove: RuntimeCommand[];
  /** Servers that get in, in order. */
  readonly enter: RuntimeCommand[];
  /** Servers that get out, in order. */
  readonly leave: RuntimeCommand[];
  readonly rows: ReadonlyMap<MapFile, RowEdits>;
}

interface RowEdits {
  /** What was read of the whole map is all that is known of it. */
  doubtful?: true;
  /** New values by key. Without `was` there is no such row yet. */
  readonly put: Map<string, { readonly value: string; readonly was?: string }>;
  /** Values of rows that go, by key. */
  readonly drop: Map<string, string>;
}

/** Whether the rows of a map lead to backends; those of the other ones say more about something that rows lead to. */
const LEADS: Readonly<Record<MapFile, boolean>> = {
  'maps/paths.map': true,
  'maps/paths-nocase.map': true,
  'maps/path-lengths.map': false,
  'maps/path-lengths-nocase.map': false,
  'maps/hosts.map': true,
  'maps/wildcards.map': true,
  'maps/redirect.map': false,
  'maps/hsts.map': false,
  'maps/check-paths.map': false,
  'maps/app-ids.map': true,
  'maps/ports.map': true,
  'maps/port-modes.map': false,
};

/** Nothing to do. Rows of other maps than these are not noted. */
export const noEdits = (maps: Iterable<MapFile>): Edits => ({
  make: [],
  open: [],
  close: [],
  remove: [],
  enter: [],
  leave: [],
  rows: new Map(Array.from(maps, (map) => [map, { put: new Map(), drop: new Map() }])),
});

/** Notes the difference between rows of before and after; the lists may share rows. */
export function editRows(edits: Edits, before: readonly MapRow[], after: readonly MapRow[]): void {
  for (const { map, key, value } of before) edits.rows.get(map)?.drop.set(key, value);
  for (const { map, key, value } of after) {
    const row = edits.rows.get(map);
    const was = row?.drop.get(key);
    row?.drop.delete(key);
    if (was !== value) row?.put.set(key, { value, ...(was === undefined ? {} : { was }) });
  }
}

/** A row that gets a value: a new one, or one that is there and `was` another. */
export const putRow = (edits: Edits, { map, key, value }: MapRow, was?: string): void => {
  edits.rows.get(map)?.put.set(key, { value, ...(was === undefined ? {} : { was }) });
};

/** A row that goes. */
export const dropRow = (edits: Edits, { map, key, value }: MapRow): void => {
  edits.rows.get(map)?.drop.set(key, value);
};

/** A backend that comes: made from its profile, and opened once it has its servers. */
export function makeBackend(edits: Edits, { name, profile }: Backend): void {
  edits.make.push({ do: 'add-backend', backend: name, profile: profileName(profile) });
  openBackend(edits, name);
}

/** A backend that is there and closed takes requests again. */
export const openBackend = (edits: Edits, backend: BackendName): void => {
  edits.open.push({ do: 'publish-backend', backend });
};

/** A backend that goes; its servers are to leave. */
export function removeBackend(edits: Edits, backend: BackendName): void {
  edits.close.push({ do: 'unpublish-backend', backend });
  edits.remove.push({ do: 'delete-backend', backend });
}

/** A server that gets in: new, or one that is there in maintenance. */
export const enterServer = (edits: Edits, backend: BackendName, server: Server, is: 'new' | 'there'): void => {
  edits.enter.push({ do: is === 'new' ? 'add-server' : 'revive-server', backend, server });
};

/** A server that stays and takes requests from now on, or takes none any more. */
export function admitServer(edits: Edits, backend: BackendName, { name, admission }: Server): void {
  const list = admission === 'ready' ? edits.enter : edits.leave;
  list.push({ do: 'set-admission', backend, server: name, admission });
}

/** A server that goes. */
export const leaveServer = (edits: Edits, backend: BackendName, server: ServerName): void => {
  edits.leave.push({ do: 'remove-server', backend, server });
};

/**
 * Commands in the order in which no request meets a gap: what the maps say about others, backends, servers that get in, rows that
 * lead to backends, then rows that no longer do, servers and backends that get out, and what was said about them.
 */
export function inOrder(
  edits: Edits,
  wanted: (map: MapFile) => ReadonlyMap<string, string>,
): readonly RuntimeCommand[] {
  const about = MAP_FILES.filter((map) => !LEADS[map]);
  const leading = MAP_FILES.filter((map) => LEADS[map]);
  const each = (maps: readonly MapFile[], of: typeof putRows): RuntimeCommand[] =>
    maps.flatMap((map) => {
      const rows = edits.rows.get(map);
      return rows === undefined ? [] : of(map, rows, wanted);
    });
  return [
    ...each(about, putRows),
    ...edits.make,
    ...edits.enter,
    ...edits.open,
    ...each(leading, putRows),
    ...each(leading, dropRows),
    ...edits.close,
    ...edits.leave,
    ...edits.remove,
    ...each(about, dropRows),
  ];
}

const most = (doubtful: true | undefined): number => (doubtful ? MAX_ROW_EDITS_IN_DOUBT : MAX_ROW_EDITS);

/** Rows that go stay until their turn comes. */
function putRows(
  map: MapFile,
  { doubtful, put, drop }: RowEdits,
  wanted: (map: MapFile) => ReadonlyMap<string, string>,
): readonly RuntimeCommand[] {
  if (put.size > most(doubtful)) return [{ do: 'replace-map', map, rows: new Map([...wanted(map), ...drop]) }];
  return [...put].map(([key, { value, was }]) => ({ do: was === undefined ? 'add-row' : 'set-row', map, key, value }));
}

function dropRows(
  map: MapFile,
  { doubtful, drop }: RowEdits,
  wanted: (map: MapFile) => ReadonlyMap<string, string>,
): readonly RuntimeCommand[] {
  if (drop.size > most(doubtful)) return [{ do: 'replace-map', map, rows: wanted(map) }];
  return [...drop.keys()].map((key) => ({ do: 'delete-row', map, key }));
}
