import {
  addRow,
  isAtLeast,
  liveRows,
  type ScriptedMap,
  type ScriptedRows,
  type ScriptedWorker,
} from './scripted-worker.ts';

/** Commands about maps. */
export function mapCommand(worker: ScriptedWorker, words: readonly string[], payload: string | undefined): string {
  const [verb = '', , ...rest] = words;
  const version = rest[0]?.startsWith('@') ? Number(rest.shift()?.slice(1)) : undefined;
  const [file = '', key = '', value = ''] = rest;
  if (file === '') return listing(worker);
  const map = worker.maps.get(file);
  if (map === undefined) return 'Unknown map identifier. Please use #<id> or <file>.\n';
  const rows = version === undefined ? liveRows(map) : map.versions.get(version);
  switch (verb) {
    case 'show':
      return shown(rows ?? new Map());
    case 'get':
      return found(file, liveRows(map), key);
    case 'add': {
      const target = rows ?? new Map();
      if (version !== undefined) map.versions.set(version, target);
      if (payload === undefined) addRow(target, key, value);
      for (const line of payload?.trim().split('\n') ?? []) {
        const [k = '', v = ''] = line.split(' ');
        addRow(target, k, v);
      }
      return '';
    }
    case 'set':
      if (!liveRows(map).has(key)) return 'entry not found.\n';
      liveRows(map).set(key, [value]);
      return '';
    case 'del':
      return deleted(worker, liveRows(map), key);
    case 'prepare':
      map.newest += 1;
      map.versions.set(map.newest, new Map());
      return `New version created: ${map.newest}\n`;
    case 'clear':
      rows?.clear();
      return '';
    case 'commit':
      return commit(map, version ?? 0);
    default:
      return `Unknown command: '${verb}'\n`;
  }
}

/** From 3.4 on one row goes, before that all of the key. */
function deleted(worker: ScriptedWorker, rows: ScriptedRows, key: string): string {
  const values = rows.get(key);
  if (values === undefined) return 'Key not found.\n';
  if (isAtLeast(worker, 3, 4) && values.length > 1) values.shift();
  else rows.delete(key);
  return '';
}

/** What was not filled in is not there: HAProxy commits an empty version without a word. */
function commit(map: ScriptedMap, version: number): string {
  if (version <= map.current || version > map.newest) return 'Version number out of range.\n';
  for (const old of map.versions.keys()) if (old < version) map.versions.delete(old);
  map.current = version;
  return '';
}

function shown(rows: ScriptedRows): string {
  let text = '';
  let at = 0x55bfb5012090;
  for (const [key, values] of rows) {
    for (const value of values) {
      text += `0x${at.toString(16)} ${key} ${value}\n`;
      at += 0x60;
    }
  }
  return text;
}

/** The row that the map's lookup would use: in maps of prefixes the longest key that the given one begins with. */
function found(file: string, rows: ScriptedRows, wanted: string): string {
  const isPrefixes = /paths|lengths|check-paths/.test(file);
  const keys = isPrefixes ? [...rows.keys()].filter((key) => wanted.startsWith(key)) : [wanted];
  const key = keys.sort((a, b) => b.length - a.length)[0];
  const value = key === undefined ? undefined : rows.get(key)?.[0];
  const kind = isPrefixes ? 'beg' : 'str';
  if (value === undefined) return `type=${kind}, case=sensitive, found=no\n`;
  return `type=${kind}, case=sensitive, found=yes, idx=tree, key="${key}", value="${value}", type="str"\n`;
}

function listing({ maps }: ScriptedWorker): string {
  const lines = [...maps].map(([file, map], at) => {
    const count = [...map.versions.values()].reduce((sum, rows) => sum + rows.size, 0);
    return `${at} (${file}) pattern loaded from file '${file}' used by map at file 'haproxy.cfg' line 9. curr_ver=${map.current} next_ver=${map.newest} entry_cnt=${count}\n`;
  });
  return `# id (file) description\n${lines.join('')}`;
}
