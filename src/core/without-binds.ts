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

/** Behind it stands, in a line's comment, what a configuration was meant to listen on and does not. */
const MARK = '# held by somebody else: ';
const BIND = /^([ \t]*)bind[ \t]+(\S+)(.*)$/;
const HELD = /^([ \t]*)# held by somebody else: bind (\S+)(.*)$/;

/** A line with a `bind`: the addresses that it has, and those that it has not, as somebody else had them. */
interface BindLine {
  readonly indent: string;
  readonly kept: readonly BindAddress[];
  readonly held: readonly BindAddress[];
  readonly words: string;
}

/**
 * A configuration that does not listen on some addresses, and else says the same, line by line, so that who owns which stays true;
 * undefined: it would not be another one, or would listen nowhere.
 */
export function withoutBinds(config: RenderedConfig, unbound: readonly BindAddress[]): RenderedConfig | undefined {
  const gone = new Set(unbound.map(formatBind));
  const without = edited(config, `without ${bindsText(unbound)}`, ({ kept, held, ...line }) => ({
    ...line,
    kept: kept.filter((bind) => !gone.has(formatBind(bind))),
    held: [...held, ...kept.filter((bind) => gone.has(formatBind(bind)))],
  }));
  const listens = without?.files
    .get('haproxy.cfg')
    ?.split('\n')
    .some((line) => BIND.test(line));
  return listens === true ? without : undefined;
}

/** The addresses that such a configuration is without. */
export const bindsHeldIn = (config: RenderedConfig): readonly BindAddress[] =>
  mainFile(config).includes(MARK) ? linesOf(config).flatMap((line) => parsed(line)?.held ?? []) : [];

/** Such a configuration with some of these addresses again; undefined where it has all of them. */
export function withBinds(config: RenderedConfig, free: readonly BindAddress[]): RenderedConfig | undefined {
  const again = new Set(free.map(formatBind));
  return edited(config, `with ${bindsText(free)}`, ({ kept, held, ...line }) => ({
    ...line,
    kept: [...kept, ...held.filter((bind) => again.has(formatBind(bind)))],
    held: held.filter((bind) => !again.has(formatBind(bind))),
  }));
}

function edited(config: RenderedConfig, what: string, edit: (line: BindLine) => BindLine): RenderedConfig | undefined {
  let changed = false;
  const lines = linesOf(config).map((text) => {
    const line = parsed(text);
    if (line === undefined) return text;
    const now = edit(line);
    if (now.held.length === line.held.length) return text;
    changed = true;
    return formatted(now);
  });
  if (!changed) return undefined;
  const files = new Map(config.files).set('haproxy.cfg', lines.join('\n'));
  const digest = bytesToHex(sha256(utf8ToBytes(`${config.digest} ${what}`)));
  return { files, owners: config.owners, digest };
}

function parsed(text: string): BindLine | undefined {
  const gone = HELD.exec(text);
  if (gone !== null) {
    const [, indent = '', argument = '', words = ''] = gone;
    return { indent, kept: [], held: addressesOf(argument), words };
  }
  const [, indent, argument = '', rest = ''] = BIND.exec(text) ?? [];
  if (indent === undefined) return undefined;
  const [words = '', held = ''] = rest.split(` ${MARK}`);
  return { indent, kept: addressesOf(argument), held: addressesOf(held), words };
}

function formatted({ indent, kept, held, words }: BindLine): string {
  if (kept.length === 0) return `${indent}${MARK}bind ${joined(held)}${words}`;
  return `${indent}bind ${joined(kept)}${words}${held.length === 0 ? '' : ` ${MARK}${joined(held)}`}`;
}

const mainFile = (config: RenderedConfig): string => config.files.get('haproxy.cfg') ?? '';
const linesOf = (config: RenderedConfig): readonly string[] => mainFile(config).split('\n');

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
