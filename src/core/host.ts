import { parseIp } from './address.ts';

const HOST_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;
/** A last label that is a number: resolvers take such a text for an address, whatever it says before. */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)\.?$/;

/**
 * An address that a task can be reached at, in its canonical spelling, without brackets. `0.0.0.0` and `::` are none:
 * HAProxy reads them as "wherever the client wanted to go".
 */
export function parseAddress(text: string): string | undefined {
  const address = parseIp(text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text)?.text;
  return address === '0.0.0.0' || address === '::' ? undefined : address;
}

/** Whether an agent's `host` is a name that may be asked for: no address, and nothing that a resolver takes for one. */
export function isHostName(host: string): boolean {
  return HOST_NAME.test(host) && !ENDS_IN_NUMBER.test(host);
}
