import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Diagnostic, RenderedConfig } from './config.ts';
import { addressesOf, bindsText } from './listened.ts';
import { rangeWithout } from './port-range.ts';
import { type BindAddress, formatBind } from './settings.ts';

/** The addresses that HAProxy (2.6 to 3.2 at least) says it cannot have: it names all of them before it ends. */
export function unboundIn(diagnostics: readonly Diagnostic[]): readonly BindAddress[] {
  return diagnostics.flatMap(({ message }) => {
    const [, address, port] = /cannot bind socket .* for \[(.*):(\d+)\]/.exec(message) ?? [];
    if (address === undefined || port === undefined) return [];
    return addressesOf(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
  });
}

const BIND = /^([ \t]*bind[ \t]+)(\S+)(.*)$/;

/**
 * A configuration that does not listen on some addresses, and else says the same, line by line; undefined: it would not be another
 * one, or would listen nowhere.
 */
export function withoutBinds(config: RenderedConfig, unbound: readonly BindAddress[]): RenderedConfig | undefined {
  const gone = new Set(unbound.map(formatBind));
  let left = 0;
  let changed = false;
  const lines = (config.files.get('haproxy.cfg') ?? '').split('\n').map((line) => {
    const [, before, argument = '', after = ''] = BIND.exec(line) ?? [];
    if (before === undefined) return line;
    const kept = addressesOf(argument).filter((bind) => !gone.has(formatBind(bind)));
    const all = addressesOf(argument).length;
    if (kept.length === all) {
      left += 1;
      return line;
    }
    changed = true;
    // Nobody loses a line, so that who owns which stays true.
    if (kept.length === 0) return `  # held by somebody else: ${line.trim()}`;
    left += 1;
    return `${before}${joined(kept)}${after}`;
  });
  if (!changed || left === 0) return undefined;
  const files = new Map(config.files).set('haproxy.cfg', lines.join('\n'));
  const digest = bytesToHex(sha256(utf8ToBytes(`${config.digest} without ${bindsText(unbound)}`)));
  return { files, owners: config.owners, digest };
}

/** Addresses as one argument of `bind`. */
function joined(binds: readonly BindAddress[]): string {
  const hosts = Map.groupBy(binds, ({ address }) => address);
  return [...hosts]
    .flatMap(([address, own]) => {
      const ports = own.map(({ port }) => port);
      const [from, to] = [Math.min(...ports), Math.max(...ports)];
      const there = new Set(ports);
      const holes = Array.from({ length: to - from + 1 }, (_, at) => from + at).filter((port) => !there.has(port));
      const host = formatBind({ address, port: 0 }).slice(0, -1);
      return rangeWithout({ address, from, to }, holes).map((part) => `${host}${part}`);
    })
    .join(',');
}
