import { z } from 'zod';
import { parseIp } from './address.ts';
import type { ServiceFrontend } from './routing.ts';
import type { PortRange } from './settings.ts';
import { formatBind } from './settings.ts';
import type { Kind } from './settings-kinds.ts';

/** `10000-10099`, or with an address in front; a text says what is wrong. */
function parseRange(value: string): PortRange | string {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})-(\d{1,5})$/.exec(value);
  if (match === null) return 'it is not [address:]first-last';
  const [, six, four = '*'] = match;
  const [from, to] = [Number(match[3]), Number(match[4])];
  if (from < 1 || to > 65_535 || from > to) return 'its ports are not ascending, from 1 to 65535';
  if (to - from >= 20_000) return 'it has more than 20000 ports, each of which costs HAProxy a listener';
  const ip = six === undefined && four === '*' ? { family: 4, text: '*' } : parseIp(six ?? four);
  const fits = ip?.family === (six === undefined ? 4 : 6);
  return ip !== undefined && fits ? { address: ip.text, from, to } : 'its address is neither an IP address nor *';
}

/** Ports that one frontend listens on from the start. */
export const portRange: Kind<PortRange> = {
  placeholder: '<range>',
  expected: 'a range of ports, with or without an address in front',
  repeatable: false,
  schema: z.string().transform((value, ctx) => {
    const range = parseRange(value.trim());
    if (typeof range !== 'string') return range;
    ctx.addIssue({ code: 'custom', message: range });
    return z.NEVER;
  }),
  format: ({ address, from, to }) => `${formatBind({ address, port: from })}-${to}`,
};

/**
 * Whether the frontend of the range can listen for a service: on the range's own address, without TLS and options. Everything
 * else needs a frontend of its own.
 */
export function isInRange(binds: ServiceFrontend['binds'], range: PortRange | undefined): boolean {
  if (range === undefined || binds.length === 0) return false;
  return binds.every(
    ({ address, port, certificate, options }) =>
      address === range.address &&
      port >= range.from &&
      port <= range.to &&
      certificate === undefined &&
      options.length === 0,
  );
}

/** The range without the ports that frontends of their own listen on, as `first-last` texts. */
export function rangeWithout(range: PortRange, taken: readonly number[]): readonly string[] {
  const parts: string[] = [];
  let from = range.from;
  const add = (to: number): void => {
    if (from <= to) parts.push(from === to ? `${from}` : `${from}-${to}`);
  };
  for (const port of [...new Set(taken)].sort((a, b) => a - b)) {
    if (port < range.from || port > range.to) continue;
    add(port - 1);
    from = port + 1;
  }
  add(range.to);
  return parts;
}
