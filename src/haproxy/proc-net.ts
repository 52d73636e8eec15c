import { type FileHandle, open, readdir, readFile, readlink } from 'node:fs/promises';
import { parseIp } from '../core/address.ts';

/** A TCP socket of this network namespace, as the kernel lists it. */
export interface SocketRow {
  /** As `parseIp` spells it. */
  readonly address: string;
  readonly port: number;
  readonly listens: boolean;
  readonly uid: number;
  readonly inode: string;
}

/** A process that has a socket open. */
export interface SocketOwner {
  readonly pid: number;
  readonly command: string;
}

const LISTEN = '0A';

/** One row of `/proc/net/tcp` or `tcp6`; undefined for its heading and for what is none. */
export function parseSocket(line: string): SocketRow | undefined {
  const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
  const [address = '', port = ''] = local.split(':');
  if (inode === undefined || !/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/.test(address) || port === '') return undefined;
  const listens = state === LISTEN;
  return { address: addressOf(address), port: Number.parseInt(port, 16), listens, uid: Number(uid), inode };
}

/** The kernel writes each word of 32 bits as the machine has it: little-endian on all that HAProxy and Node run on. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  if (bytes.every((byte) => byte === '00')) return '::';
  const isMapped = bytes.slice(0, 12).join('') === '00000000000000000000FFFF';
  if (isMapped)
    return bytes
      .slice(12)
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  const groups = Array.from({ length: 8 }, (_, at) => Number.parseInt(`${bytes[2 * at]}${bytes[2 * at + 1]}`, 16));
  const text = groups.map((group) => group.toString(16)).join(':');
  return parseIp(text)?.text ?? text;
}

/** The sockets that listen; a busy machine has many times more others, and the kernel lists them behind. */
export const listeningSockets = (): Promise<readonly SocketRow[]> => sockets(true);

/** All sockets. As many as there are connections. */
export const allSockets = (): Promise<readonly SocketRow[]> => sockets(false);

async function sockets(listening: boolean): Promise<readonly SocketRow[]> {
  const found: SocketRow[] = [];
  for (const name of ['tcp', 'tcp6']) {
    for await (const line of linesOf(`/proc/net/${name}`)) {
      const row = parseSocket(line);
      if (listening && row?.listens === false) break;
      if (row !== undefined) found.push(row);
    }
  }
  return found;
}

/** Whole lines as they are read, so that whoever has enough need not read all. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    yield* file.readLines();
  } catch {
    // A machine without IPv6, or without /proc.
  } finally {
    await file?.close().catch(() => undefined);
  }
}

/** Inodes of the sockets that a process has open; undefined where that may not be seen. */
export async function socketsOf(pid: number): Promise<readonly string[] | undefined> {
  const folder = `/proc/${pid}/fd`;
  const entries = await readdir(folder).catch(() => undefined);
  const targets = entries && (await Promise.all(entries.map((fd) => readlink(`${folder}/${fd}`).catch(() => ''))));
  return targets?.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
}

/** Who has these sockets open, as far as it may be seen. Walks all of /proc. */
export async function ownersOf(inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, SocketOwner>> {
  const found = new Map<string, SocketOwner>();
  if (inodes.size === 0) return found;
  const entries = await readdir('/proc').catch((): string[] => []);
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    const pid = Number(entry);
    const own = (await socketsOf(pid))?.filter((inode) => inodes.has(inode) && !found.has(inode)) ?? [];
    if (own.length === 0) continue;
    const command = (await textOf(`/proc/${pid}/comm`))?.trim() ?? '';
    for (const inode of own) found.set(inode, { pid, command });
    if (found.size === inodes.size) break;
  }
  return found;
}

/** The user that a process runs as. */
export async function userOf(pid: number): Promise<number | undefined> {
  const uid = /^Uid:\t(\d+)/m.exec((await textOf(`/proc/${pid}/status`)) ?? '')?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** Whether a process has the same network as this one; undefined where that may not be seen. */
export async function sharesNetwork(pid: number): Promise<boolean | undefined> {
  const [ours, theirs] = await Promise.all(
    ['self', pid].map((who) => readlink(`/proc/${who}/ns/net`).catch(() => undefined)),
  );
  return ours === undefined || theirs === undefined ? undefined : ours === theirs;
}

/** Whether the kernel may give a port to an outgoing connection. */
export async function readEphemeral(): Promise<(port: number) => boolean> {
  const [range, reserved] = await Promise.all([
    textOf('/proc/sys/net/ipv4/ip_local_port_range'),
    textOf('/proc/sys/net/ipv4/ip_local_reserved_ports'),
  ]);
  return ephemeralPorts(range ?? '', reserved ?? '');
}

/** `range`: `32768 60999`; `reserved`: `8080,9148-9150`, or nothing. */
export function ephemeralPorts(range: string, reserved: string): (port: number) => boolean {
  const [from = 0, to = -1] = range.trim().split(/\s+/).map(Number);
  const kept = reserved.split(',').flatMap((part): (readonly [number, number])[] => {
    const [first, last = first] = part.trim().split('-');
    return first === undefined || first === '' ? [] : [[Number(first), Number(last)]];
  });
  return (port) => port >= from && port <= to && !kept.some(([first, last]) => port >= first && port <= last);
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
