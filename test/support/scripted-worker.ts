import type { RenderedConfig } from '../../src/core/config.ts';
import { MAP_FILES } from '../../src/core/maps.ts';

/** A server as a worker holds it. */
export interface ScriptedServer {
  id: number;
  address: string;
  port: number;
  /** What the configuration or `add server` said behind address and id. */
  readonly words: string;
  admin: 'ready' | 'maint' | 'drain';
}

/** Rows of one version by key, in order; a key that was added twice has two values. */
export type ScriptedRows = Map<string, string[]>;

/** A map with the versions that were prepared. */
export interface ScriptedMap {
  current: number;
  newest: number;
  readonly versions: Map<number, ScriptedRows>;
}

/** One HAProxy worker: what it read when it started, and what it was told since. */
export interface ScriptedWorker {
  readonly pid: number;
  readonly version: string;
  readonly generation: number;
  /** Told to end: another one serves. */
  stopping: boolean;
  readonly backends: Map<string, Map<string, ScriptedServer>>;
  readonly maps: Map<string, ScriptedMap>;
  /** GUIDs of backends that were made over the socket. */
  readonly guids: Map<string, string>;
  /** Backends that no row leads to, whatever it says. */
  readonly unpublished: Set<string>;
}

/** A worker that has just read a configuration. It knows the maps that something looks up. */
export function startScriptedWorker(
  config: RenderedConfig,
  { pid, version, generation }: Pick<ScriptedWorker, 'pid' | 'version' | 'generation'>,
): ScriptedWorker {
  const text = config.files.get('haproxy.cfg') ?? '';
  const backends = new Map<string, Map<string, ScriptedServer>>();
  let last: Map<string, ScriptedServer> | undefined;
  for (const line of text.split('\n')) {
    const [keyword = '', name = '', ...rest] = line.trim().split(/\s+/);
    if (keyword === 'backend') {
      last = new Map();
      backends.set(name, last);
    } else if (keyword === 'server' && last !== undefined) last.set(name, serverIn(rest));
    else if (/^\S/.test(line)) last = undefined;
  }
  const maps = new Map<string, ScriptedMap>();
  for (const file of MAP_FILES.filter((map) => text.includes(map))) {
    const rows: ScriptedRows = new Map();
    for (const line of (config.files.get(file) ?? '').split('\n')) {
      const [key, value] = line.split(' ');
      if (key !== undefined && value !== undefined) addRow(rows, key, value);
    }
    maps.set(file, { current: 0, newest: 0, versions: new Map([[0, rows]]) });
  }
  return { pid, version, generation, stopping: false, backends, maps, guids: new Map(), unpublished: new Set() };
}

/** A server's words: `127.0.0.1:80 id 5 …`. */
export function serverIn([place = '', ...words]: readonly string[]): ScriptedServer {
  const colon = place.lastIndexOf(':');
  const disabled = words.at(-1) === 'disabled';
  const idAt = words.indexOf('id');
  return {
    address: place.slice(0, colon).replace(/[[\]]/g, ''),
    port: Number(place.slice(colon + 1)),
    id: Number(words[idAt + 1]),
    words: words.filter((word, at) => at !== idAt && at !== idAt + 1 && word !== 'disabled').join(' '),
    admin: disabled ? 'maint' : 'ready',
  };
}

/** HAProxy does not mind that a key is there already. */
export function addRow(rows: ScriptedRows, key: string, value: string): void {
  const values = rows.get(key);
  if (values === undefined) rows.set(key, [value]);
  else values.push(value);
}

/** The rows of a map that lookups find. */
export function liveRows({ current, versions }: ScriptedMap): ScriptedRows {
  return versions.get(current) ?? new Map();
}

/** Whether a version is at least this one. */
export function isAtLeast({ version }: ScriptedWorker, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
