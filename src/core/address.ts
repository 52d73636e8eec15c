const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** An IP address in its one canonical spelling (IPv6 as RFC 5952 writes it, without brackets). */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly text: string;
}

/** Reads an IP address strictly: four decimal parts without leading zeros, or IPv6 in hexadecimal groups without zone. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIpv4(text)) return { family: 4, text };
  const groups = ipv6Groups(text);
  return groups === undefined ? undefined : { family: 6, text: formatIpv6(groups) };
}

/**
 * Reads an IP address, or a network in CIDR or (IPv4) netmask form, into the form HAProxy's `src` takes.
 * Undefined when it is neither.
 */
export function parseNetwork(text: string): string | undefined {
  const slash = text.indexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined || slash < 0) return ip?.text;
  const size = text.slice(slash + 1);
  const bits = /^(0|[1-9]\d{0,2})$/.test(size) ? Number(size) : ip.family === 4 ? netmaskBits(size) : undefined;
  return bits === undefined || bits > (ip.family === 4 ? 32 : 128) ? undefined : `${ip.text}/${bits}`;
}

/** Addresses that stand for every one of their family. */
const EVERY_ADDRESS: readonly string[] = ['*', '0.0.0.0', '::'];

/** Whether two listeners on one port get in each other's way. `*` and `0.0.0.0` are every IPv4 address, `::` every IPv6 one. */
export function listenersOverlap(a: string, b: string): boolean {
  if (a.includes(':') !== b.includes(':')) return false;
  return a === b || EVERY_ADDRESS.includes(a) || EVERY_ADDRESS.includes(b);
}

/** Digit by digit: every address of a cluster is read at every full read. */
function isIpv4(text: string): boolean {
  if (text.length < 7 || text.length > 15) return false;
  let parts = 1;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || ++parts > 4) return false;
      digits = 0;
      value = 0;
    } else {
      if (code < ZERO || code > NINE || (digits === 1 && value === 0)) return false;
      digits++;
      value = value * 10 + code - ZERO;
      if (value > 255) return false;
    }
  }
  return parts === 4 && digits > 0;
}

/** Eight 16-bit groups. IPv4-mapped addresses are refused: HAProxy keeps the families apart, so they would match nothing. */
function ipv6Groups(text: string): readonly number[] | undefined {
  if (!/^[0-9a-fA-F:]{2,39}$/.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = [...head, ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const missing = 8 - groups.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<string>(missing).fill('0'), ...tail].map((group) => Number.parseInt(group, 16));
  return all.slice(0, 5).every((group) => group === 0) && all[5] === 0xffff ? undefined : all;
}

function formatIpv6(groups: readonly number[]): string {
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

function netmaskBits(mask: string): number | undefined {
  if (!isIpv4(mask)) return undefined;
  const bits = mask
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}
