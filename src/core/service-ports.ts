import { sha1 } from '@noble/hashes/legacy.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { App, AppId, Port } from './app.ts';
import { distinctSorted } from './order.ts';

/** Ports to choose from, inclusive; both 0: nothing is assigned. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Attempts by hash before the range is searched from its start; marathon-lb's number. */
const ATTEMPTS = 50;

/**
 * What an automatic service port is remembered by: app and container port, and the index where the container port is dynamic
 * or does not tell two ports of the app apart.
 */
export function autoPortKey(app: App, id: AppId, port: Port): string {
  const { containerPort } = port;
  const first = app.ports.find((other) => other.containerPort === containerPort);
  return containerPort === undefined || containerPort === 0 || first?.index !== port.index
    ? `${id}|#${port.index}`
    : `${id}|${containerPort}`;
}

/**
 * Gives a service port to each key, with marathon-lb's hash, so that instances agree. Remembered ones stay, whoever comes; new
 * ones avoid `used`. A key that finds the range full gets none.
 */
export function assignPorts(
  keys: readonly string[],
  range: PortRange,
  remembered: ReadonlyMap<string, number>,
  used: () => ReadonlySet<number>,
  reserved: ReadonlySet<number>,
): ReadonlyMap<string, number> {
  const assigned = new Map<string, number>();
  const taken = new Set(reserved);
  if (range.min < 1 || range.max < range.min) return assigned;
  const wanted = distinctSorted(keys);
  for (const key of wanted) {
    const port = remembered.get(key);
    if (port === undefined || port < range.min || port > range.max || taken.has(port)) continue;
    assigned.set(key, port);
    taken.add(port);
  }
  if (assigned.size < wanted.length) for (const port of used()) taken.add(port);
  for (const key of wanted) {
    const port = assigned.has(key) ? undefined : firstFree(key, range, taken);
    if (port === undefined) continue;
    assigned.set(key, port);
    taken.add(port);
  }
  return new Map(wanted.flatMap((key) => (assigned.has(key) ? [[key, assigned.get(key) ?? 0]] : [])));
}

function firstFree(key: string, { min, max }: PortRange, taken: ReadonlySet<number>): number | undefined {
  const size = max - min + 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = min + (hash32(`${key.replace('|', '-')}-${attempt}`) % size);
    if (!taken.has(port)) return port;
  }
  for (let port = min; port <= max; port++) if (!taken.has(port)) return port;
  return undefined;
}

/** The first 32 bits of SHA-1, as a number. */
function hash32(text: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = sha1(utf8ToBytes(text));
  return ((a * 256 + b) * 256 + c) * 256 + d;
}
