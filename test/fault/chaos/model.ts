import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StandInMarathon, StandInTask } from '../../../src/demo/stand-in.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import { statePaths } from '../../../src/haproxy/paths.ts';
import { parseMap, parseServersState } from '../../../src/haproxy/runtime-replies.ts';

/** An app as the chaos last asked for it. */
export interface ModelApp {
  readonly id: string;
  readonly vhost: string;
}

/** How long HAProxy may take for one answer, in ms. */
const ANSWER_MS = 10_000;

/**
 * What HAProxy should hold, by the cluster itself: for every app the addresses at which its healthy tasks really listen, as
 * sorted lines. Knows nothing of Portolan's own ideas. Undefined while a task's health is not known.
 */
export function wantedText(marathon: StandInMarathon, apps: readonly ModelApp[]): string | undefined {
  const lines: string[] = [];
  for (const { id, vhost } of apps) {
    const tasks = marathon.tasks(id).filter(({ state }) => state === 'TASK_RUNNING');
    if (tasks.some((task) => healthOf(task) === undefined)) return undefined;
    const places = tasks
      .filter((task) => healthOf(task) === true)
      .flatMap(({ listens }) => listens.slice(0, 1).map(({ address, port }) => `${address}:${port}`));
    lines.push(`host ${vhost}: ${places.sort().join(' ')}`, `app ${id}: ${places.join(' ')}`);
  }
  return lines.sort().join('\n');
}

/** Marathon's verdict on a task with one health check; undefined: not known. */
export function healthOf({ json }: StandInTask): boolean | undefined {
  const results = json['healthCheckResults'] as readonly { readonly alive?: boolean }[] | undefined;
  const alive = results?.[0]?.alive;
  return typeof alive === 'boolean' ? alive : undefined;
}

/** What HAProxy holds, read over its own socket: the same lines, with each map's rows followed to the servers behind them. */
export async function heldText(stateDir: string): Promise<string> {
  const servers = await parseServersState(await say(stateDir, 'show servers state'));
  if (servers === undefined) throw new Error('HAProxy does not tell its servers');
  const places = (backend: string): string =>
    (servers.get(backend) ?? [])
      .filter(({ admission }) => admission === 'ready')
      .map(({ address, port }) => `${address}:${port}`)
      .sort()
      .join(' ');
  const lines: string[] = [];
  for (const [map, word] of [
    ['hosts.map', 'host'],
    ['app-ids.map', 'app'],
  ] as const)
    for (const [key, backend] of (await mapOf(stateDir, map)) ?? []) lines.push(`${word} ${key}: ${places(backend)}`);
  return lines.sort().join('\n');
}

/**
 * Maps whose copy on disk says something else than HAProxy does, with both. Empty: not one byte differs, but for the name of a spare
 * where an app has been given one over the socket: the disk has the backend's own name, at which the next start puts it.
 */
export async function driftedMaps(stateDir: string): Promise<readonly string[]> {
  const folder = join(statePaths(stateDir).current, 'maps');
  const owners = await spareOwners(stateDir, folder);
  const named = (name: string): string => owners.get(name) ?? name;
  const drifted: string[] = [];
  for (const file of await readdir(folder)) {
    const onDisk = linesOf(await readFile(join(folder, file), 'utf8'));
    const rows = await mapOf(stateDir, file);
    // No frontend asks it, so HAProxy does not load it.
    if (rows === undefined) continue;
    const held = linesOf([...rows].map(([key, value]) => `${keyOf(key, named)} ${named(value)}`).join('\n'));
    if (onDisk !== held) drifted.push(`${file} on disk:\n${onDisk}\nheld:\n${held}`);
  }
  return drifted;
}

/** Spares in use, with the name that the disk has for the backend on them: an app's own id leads to both. */
async function spareOwners(stateDir: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const held = (await mapOf(stateDir, 'app-ids.map')) ?? new Map<string, string>();
  const text = await readFile(join(folder, 'app-ids.map'), 'utf8').catch(() => '');
  const pairs = text.split('\n').flatMap((line): (readonly [string, string])[] => {
    const [app = '', name = ''] = line.split(' ');
    const at = held.get(app);
    return at?.startsWith('portolan_spare_') ? [[at, name]] : [];
  });
  return new Map(pairs);
}

/** Keys may be a backend's name, with a path behind it. */
function keyOf(key: string, named: (name: string) => string): string {
  const [name = '', ...path] = key.split('/');
  return [named(name), ...path].join('/');
}

const linesOf = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
    .join('\n');

/** One map of the worker in charge, found by the end of its name: the folder is that of the generation it loaded. */
async function mapOf(stateDir: string, file: string): Promise<ReadonlyMap<string, string> | undefined> {
  const listing = await say(stateDir, 'show map');
  const path = new RegExp(`\\((\\S*/${file.replace('.', '\\.')})\\)`).exec(listing)?.[1];
  if (path === undefined) return undefined;
  const rows = await parseMap(await say(stateDir, `show map ${path}`));
  if (rows === undefined) throw new Error(`HAProxy does not tell its map ${path}`);
  return rows;
}

async function say(stateDir: string, line: string): Promise<string> {
  const said = await ask(statePaths(stateDir).runtimeSocket, line, ANSWER_MS);
  if (!said.ok) throw new Error(`${line}: ${JSON.stringify(said.failure)}`);
  return said.value.trim();
}

/** The lines that are in one text only. */
export function textDifference(wanted: string, held: string): string {
  const [a, b] = [new Set(wanted.split('\n')), new Set(held.split('\n'))];
  return [
    ...[...a].filter((line) => !b.has(line)).map((line) => `missing  ${line}`),
    ...[...b].filter((line) => !a.has(line)).map((line) => `held     ${line}`),
  ].join('\n');
}
