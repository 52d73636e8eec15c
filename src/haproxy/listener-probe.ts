import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { RenderedConfig } from '../core/config.ts';
import type { Clock } from '../core/ports.ts';

/** `taken`: a connection was taken from the kernel; `left`: nobody takes any; `unknown`: it cannot be told. */
export type Listens = 'taken' | 'left' | 'unknown';

/** Addresses tried: one that is taken from is enough. */
const MOST_TRIED = 3;

/** When the queue of a listener is looked at, in ms after the connection. */
const LOOKS_AT_MS = [20, 100, 300, 600];

/** How long a connection may take until it stands: the kernel answers, unless the queue is full. */
const CONNECT_MS = 600;

/**
 * Whether a worker still takes connections on its listeners. The kernel accepts them for a process that does nothing any more, so a
 * connection alone says nothing: it must have left the listener's queue. Nothing is sent, so that no server behind a TCP listener
 * gets anything but a connection that ends.
 */
export async function probeListeners(config: RenderedConfig, clock: Clock, signal: AbortSignal): Promise<Listens> {
  const found = await Promise.all(bindsOf(config).map((bind) => probe(bind, clock, signal)));
  if (found.includes('taken')) return 'taken';
  return found.length > 0 && found.every((one) => one === 'left') ? 'left' : 'unknown';
}

/** Where to connect to. */
export interface ProbedBind {
  readonly host: string;
  readonly port: number;
}

/** The first TCP addresses that a configuration listens on, one a port. */
export const bindsOf = (config: RenderedConfig): readonly ProbedBind[] =>
  bindsIn(config.files.get('haproxy.cfg') ?? '', MOST_TRIED);

function bindsIn(haproxyCfg: string, most: number): readonly ProbedBind[] {
  const found = new Map<number, ProbedBind>();
  for (const line of haproxyCfg.split('\n')) {
    const words = /^\s*bind\s+(\S+)/.exec(line)?.[1]?.replaceAll(/["']/g, '');
    // `10000-10099` is a range of ports: one of them is enough.
    const [, address = '', port] = /^(.*):(\d+)(?:-\d+)?$/.exec(words ?? '') ?? [];
    if (port === undefined || /[@/$]/.test(address)) continue;
    found.set(Number(port), { host: hostOf(address), port: Number(port) });
    if (found.size === most) break;
  }
  return [...found.values()];
}

function hostOf(address: string): string {
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  if (bare === '' || bare === '*' || bare === '0.0.0.0') return '127.0.0.1';
  return bare === '::' ? '::1' : bare;
}

async function probe({ host, port }: ProbedBind, clock: Clock, signal: AbortSignal): Promise<Listens> {
  const socket = createConnection({ host, port });
  const connected = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.once('timeout', () => resolve(false));
    socket.setTimeout(CONNECT_MS);
  });
  let answered = false;
  socket.on('data', () => {
    answered = true;
  });
  socket.on('close', () => {
    answered = true;
  });
  try {
    if (!(await connected)) return 'left';
    let waited = 0;
    for (const at of LOOKS_AT_MS) {
      await clock.sleep(at - waited, signal);
      waited = at;
      const queues = await queuesOf(port);
      if (answered || queues?.includes(0)) return 'taken';
      if (queues === undefined || queues.length === 0) return 'unknown';
    }
    return 'left';
  } finally {
    socket.destroy();
  }
}

/** Ports of a configuration that nobody listens on here; none where the kernel does not say. Connects to nobody. */
export async function closedPorts(haproxyCfg: string): Promise<readonly number[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readText));
  if (tables[0] === undefined) return [];
  const open = new Set(tables.flatMap((text) => listeningPorts(text ?? '')));
  return bindsIn(haproxyCfg, Number.POSITIVE_INFINITY).flatMap(({ port }) => (open.has(port) ? [] : [port]));
}

const listeningPorts = (text: string): readonly number[] =>
  [...text.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /gm)].map(([, port = '']) =>
    Number.parseInt(port, 16),
  );

/** How many connections wait at the listeners of a port; `undefined` when the kernel does not say. */
async function queuesOf(port: number): Promise<readonly number[] | undefined> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readText));
  if (tables.every((text) => text === undefined)) return undefined;
  return tables.flatMap((text) => parseQueues(text ?? '', port));
}

/** Reads `/proc/net/tcp`: of a listener, the receive queue counts the connections that nobody has taken yet. */
export function parseQueues(text: string, port: number): readonly number[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A [0-9A-F]+:([0-9A-F]+) `, 'gm');
  return [...text.matchAll(row)].map(([, queued = '0']) => Number.parseInt(queued, 16));
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    return undefined;
  }
}
