import { setImmediate } from 'node:timers/promises';
import { rememberedContent } from '../core/remembered.ts';
import { unreachable } from '../core/result.ts';
import type { ObservedServer, Tier } from '../core/runtime.ts';
import type { Expected, RuntimeLine } from './runtime-lines.ts';
import { atLeast } from './version.ts';

/**
 * What a reply means. `exists`: a server of that name is there already. `attached`: the server still has connections.
 * `astray`: not an answer to what was asked, or of a worker that has been told to end: nothing can be concluded from it.
 */
export type Verdict = 'expected' | 'exists' | 'attached' | 'refused' | 'astray';

/** Judges a reply by its end: from 3.4 on messages that were logged meanwhile may stand before it. */
export function judgeReply({ expect, server }: Pick<RuntimeLine, 'expect' | 'server'>, reply: string): Verdict {
  if (meets(expect, reply)) return 'expected';
  if (/(?:^|\n)Unknown command\b/.test(reply) || reply.endsWith('Proxy is disabled.')) return 'astray';
  if (expect === 'registered' && isThereAlready(server, reply)) return 'exists';
  if (expect === 'gone' && /still has connections attached to it, cannot remove it\.$/.test(reply)) return 'attached';
  if (expect === 'backend-gone' && BUSY_BACKEND.test(reply)) return 'attached';
  return 'refused';
}

/** The last of them for as long as a template of an operator names the backend. */
const BUSY_BACKEND =
  /(?:Only a backend without server can be deleted|still has attached streams on it|other configuration elements pointing to it)\.$/;

/** 2.6 looks at the id first: then the server of that name is the one that has it. */
function isThereAlready(server: string | undefined, reply: string): boolean {
  if (reply.endsWith('Already exists a server with the same name in backend.')) return true;
  return server !== undefined && /: custom id \d+ already used at .* \('server (\S+)'\)\.$/.exec(reply)?.[1] === server;
}

function meets(expected: Expected, reply: string): boolean {
  switch (expected) {
    case 'silence':
      return reply === '';
    case 'registered':
      return reply.endsWith('New server registered.');
    case 'moved':
      return /changed|no need to change/.test(reply);
    case 'gone':
      return reply.endsWith('Server deleted.') || isAbsent(reply);
    case 'absent-too':
      return reply === '' || isAbsent(reply);
    case 'version':
      return versionOf(reply) !== undefined;
    case 'backend-registered':
      // A longer text tells of a backend that takes no servers.
      return reply.endsWith('New backend registered.');
    case 'published':
      return reply.endsWith('Backend published.');
    case 'unpublished':
      return reply.endsWith('Backend unpublished.') || isAbsent(reply);
    case 'backend-gone':
      return reply.endsWith('Backend deleted.') || isAbsent(reply);
    case 'any':
      return true;
    default:
      return unreachable(expected);
  }
}

function isAbsent(reply: string): boolean {
  return /(?:No such (?:server|backend)|Key not found)\.$/.test(reply);
}

/** The number in the reply to `prepare map`. */
export function versionOf(reply: string): number | undefined {
  const digits = /(?:^|\n)New version created: (\d+)$/.exec(reply)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The generation in a reply to `show env PORTOLAN_GENERATION`; undefined where it is none of ours. */
export function generationIn(reply: string): number | undefined {
  const digits = /(?:^|\n)PORTOLAN_GENERATION=(\d+)$/.exec(reply)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What `show info` says of the worker. */
export function workerIn(
  info: string,
): { readonly pid: number; readonly version: string; readonly stopping: boolean; readonly uptime: number } | undefined {
  const pid = /^Pid: (\d+)$/m.exec(info)?.[1];
  const version = /^Version: (\S+)$/m.exec(info)?.[1];
  if (pid === undefined || version === undefined) return undefined;
  const uptime = Number(/^Uptime_sec: (\d+)$/m.exec(info)?.[1] ?? 0);
  return { pid: Number(pid), version, uptime, stopping: /^Stopping: 1$/m.test(info) };
}

/** What a worker can do: it must know the commands, which also depends on the level of the socket, and be new enough. */
export function tierOf(version: string, help: string): Tier {
  const knows = (command: string): boolean => help.includes(`\n  ${command} `);
  const dynamicServers = ['add server', 'set server', 'add map', 'prepare map', 'commit map'].every(knows);
  if (!dynamicServers || !atLeast(version, 2, 6)) return 'D';
  if (!knows('del server') || !atLeast(version, 3, 0)) return 'C';
  return knows('add backend') && atLeast(version, 3, 4) ? 'A' : 'B';
}

/** Versions of a map that were prepared after the one in use, from `show map`: nobody committed them. */
export function openVersions(listing: string, map: string): readonly number[] {
  for (const line of listing.split('\n')) {
    const found = /^\d+ \((\S+)\) .* curr_ver=(\d+) next_ver=(\d+)(?: |$)/.exec(line);
    if (found?.[1] !== map) continue;
    const [current, next] = [Number(found[2]), Number(found[3])];
    return Array.from({ length: Math.max(0, next - current) }, (_, n) => current + 1 + n);
  }
  return [];
}

/** Rows in an answer to `show map`. */
export function countRows(reply: string): number {
  return reply.match(/^0x[0-9a-f]+ /gm)?.length ?? 0;
}

/** Bits of srv_admin_state. 0x04 only remembers that the configuration said `disabled`. */
const MAINTENANCE = 0x01 | 0x02 | 0x20 | 0x40;
const DRAIN = 0x08 | 0x10;

/** What HAProxy says of a backend that it does not have. */
export const isUnknownBackend = (reply: string): boolean => reply.endsWith("Can't find backend.");

/** What HAProxy says of a map that its configuration does not look up. */
export const isUnknownMap = (reply: string): boolean => reply.startsWith('Unknown map identifier.');

/** Where what counts stands in a row; the same in every answer of one HAProxy. */
const columnsOf = rememberedContent((header: string) => {
  const columns = header.trim().split(' ');
  const at = (name: string): number => columns.indexOf(name);
  const places = {
    backendAt: at('be_name'),
    nameAt: at('srv_name'),
    idAt: at('srv_id'),
    addressAt: at('srv_addr'),
    portAt: at('srv_port'),
    operationalAt: at('srv_op_state'),
    adminAt: at('srv_admin_state'),
  };
  return { ...places, needed: Math.max(...Object.values(places)) + 1 };
});

/**
 * Reads an answer to `show servers state`, by backend. Undefined where it is none, as for a backend that does not exist.
 * Gives the event loop its turn after every 250 servers.
 */
export async function parseServersState(
  reply: string,
): Promise<ReadonlyMap<string, readonly ObservedServer[]> | undefined> {
  const header = /(?:^|\n)# (be_id .*)\n?/.exec(reply);
  if (!header) return undefined;
  const { backendAt, nameAt, idAt, addressAt, portAt, operationalAt, adminAt, needed } = columnsOf(header[1] ?? '');
  const backends = new Map<string, ObservedServer[]>();
  await eachLine(reply, header.index + header[0].length, 250, (line) => {
    const values = line.split(' ', needed);
    if (values.length < needed) return;
    const admin = Number(values[adminAt]);
    const admission = (admin & MAINTENANCE) !== 0 ? 'maint' : (admin & DRAIN) !== 0 ? 'drain' : 'ready';
    // 0 stopped, 1 starting (slow start: it takes requests), 2 running, 3 stopping (no new ones).
    const running = values[operationalAt] === '2' || values[operationalAt] === '1';
    const server: ObservedServer = {
      name: values[nameAt] ?? '',
      id: Number(values[idAt]),
      address: values[addressAt] ?? '',
      port: Number(values[portAt]),
      admission,
      up: running && admission === 'ready',
    };
    const backend = values[backendAt] ?? '';
    const others = backends.get(backend);
    if (others) others.push(server);
    else backends.set(backend, [server]);
  });
  return backends;
}

/**
 * The backends that an answer to `show backend` names, with their servers: `show servers state` says nothing of one that
 * has none. Undefined where it is no such answer, or does not name all that have servers.
 */
export async function namedBackends(
  reply: string,
  servers: ReadonlyMap<string, readonly ObservedServer[]>,
): Promise<ReadonlyMap<string, readonly ObservedServer[]> | undefined> {
  const header = /(?:^|\n)# name(?:\n|$)/.exec(reply);
  if (!header) return undefined;
  const backends = new Map<string, readonly ObservedServer[]>();
  await eachLine(reply, header.index + header[0].length, 1_000, (line) => {
    if (line !== '') backends.set(line, servers.get(line) ?? []);
  });
  for (const name of servers.keys()) if (!backends.has(name)) return undefined;
  return backends;
}

/**
 * The value of one row of `get map`: `none` when there is no row of exactly that key. Undefined where the answer is about another
 * key.
 */
export function parseRow(reply: string, key: string): { readonly value: string } | 'none' | undefined {
  if (reply.endsWith(', found=no') || isUnknownMap(reply)) return 'none';
  const [, is, value] = /, found=yes, .*?key="(.*?)", value="(.*?)"/.exec(reply) ?? [];
  if (is === undefined || value === undefined) return undefined;
  if (is === key) return { value };
  // A map of prefixes answers with the row that it would use, which may be that of a shorter prefix.
  return key.startsWith(is) ? 'none' : undefined;
}

/**
 * Reads an answer to `show map NAME`; of rows with the same key the first, which is the one that counts. Undefined where
 * it is none, as for a map that the configuration does not look up. Gives the event loop its turn after every 1,000 rows.
 */
export async function parseMap(reply: string): Promise<ReadonlyMap<string, string> | undefined> {
  if (reply !== '' && !/^0x[0-9a-f]+ /.test(reply)) return undefined;
  const rows = new Map<string, string>();
  await eachLine(reply, 0, 1_000, (line) => {
    const [keyAt, valueAt] = [line.indexOf(' ') + 1, line.lastIndexOf(' ') + 1];
    if (keyAt === 0 || valueAt === keyAt) return;
    const key = line.slice(keyAt, valueAt - 1);
    if (!rows.has(key)) rows.set(key, line.slice(valueAt));
  });
  return rows;
}

/** Takes a text line by line, from a place on, and gives the event loop its turn after every `slice` of them. */
export async function eachLine(text: string, from: number, slice: number, take: (line: string) => void): Promise<void> {
  let start = from;
  for (let count = 1; start < text.length; count += 1) {
    const end = text.indexOf('\n', start);
    take(text.slice(start, end < 0 ? undefined : end));
    if (end < 0) return;
    start = end + 1;
    if (count % slice === 0) await setImmediate();
  }
}
