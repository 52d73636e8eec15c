import { listenersOverlap } from './address.ts';
import type { RenderedConfig } from './config.ts';
import { filePieces } from './lazy-config.ts';
import { type BindAddress, formatBind } from './settings.ts';

/** The addresses that a loaded configuration listens on. */
export interface Listened {
  has(bind: BindAddress): boolean;
  /** The one that gets in the way of an address that is not listened on: the same port, on every address or on one of them. */
  inTheWay(bind: BindAddress): BindAddress | undefined;
  /** Those of one section, e.g. `frontend web_10000_in`. */
  of(section: string): readonly BindAddress[];
  sections(): readonly string[];
  all(): readonly BindAddress[];
}

/** Nothing listens. */
export const NOT_LISTENING: Listened = {
  has: () => false,
  inTheWay: () => undefined,
  of: () => [],
  sections: () => [],
  all: () => [],
};

const SECTION_OR_BIND = /^[ \t]*(frontend|listen|backend|bind)[ \t]+(\S+)/gm;

/** Reads the addresses from the configuration's text: what was loaded is what listens, whoever wrote it. */
export function listenedOn(config: RenderedConfig): Listened {
  const ports = new Map<number, string[]>();
  const sections = new Map<string, BindAddress[]>();
  let section = '';
  for (const piece of filePieces(config).get('haproxy.cfg') ?? []) {
    for (const [, word = '', argument = ''] of piece.matchAll(SECTION_OR_BIND)) {
      if (word !== 'bind') section = `${word} ${argument}`;
      else for (const bind of addressesOf(argument)) add(bind);
    }
  }
  function add(bind: BindAddress): void {
    const there = ports.get(bind.port);
    if (there === undefined) ports.set(bind.port, [bind.address]);
    else there.push(bind.address);
    const own = sections.get(section);
    if (own === undefined) sections.set(section, [bind]);
    else own.push(bind);
  }
  return {
    has: ({ address, port }) => ports.get(port)?.includes(every(address)) ?? false,
    inTheWay({ address, port }) {
      const other = ports.get(port)?.find((one) => listenersOverlap(one, address));
      return other === undefined ? undefined : { address: other, port };
    },
    of: (name) => sections.get(name) ?? [],
    sections: () => [...sections.keys()],
    all: () => [...sections.values()].flat(),
  };
}

/** Ports of `--service-port-range` by the backend that they lead to. */
export function rangePortsIn(config: RenderedConfig): ReadonlyMap<string, readonly number[]> {
  const rows = new Map<string, number[]>();
  const text = [...(filePieces(config).get('maps/ports.map') ?? [])].join('');
  for (const [, port = '', backend = ''] of text.matchAll(/^(\d{1,5}) (\S+)$/gm)) {
    const ports = rows.get(backend);
    if (ports === undefined) rows.set(backend, [Number(port)]);
    else ports.push(Number(port));
  }
  return rows;
}

/** The addresses that a piece of configuration listens on. */
export const bindsIn = (text: string): readonly BindAddress[] =>
  [...text.matchAll(/^[ \t]*bind[ \t]+(\S+)/gm)].flatMap(([, argument = '']) => addressesOf(argument));

/** What stands behind `bind`: addresses with a port or a range of ports, separated by commas. Sockets of files are none. */
export function addressesOf(argument: string): readonly BindAddress[] {
  return argument.split(',').flatMap((text) => {
    const match = /^(?:\[([0-9a-f:.]*)\]|([0-9.*]*)):(\d{1,5})(?:-(\d{1,5}))?$/i.exec(text.replace(/^['"]|['"]$/g, ''));
    if (match === null) return [];
    const [, six, four = '', first = '', last = first] = match;
    const address = every(six ?? four);
    const [from, to] = [Number(first), Number(last)];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => ({ address, port: from + at }));
  });
}

/** HAProxy has three words for every IPv4 address. */
const every = (address: string): string => (address === '' || address === '0.0.0.0' ? '*' : address);

/** Addresses as a text to compare. */
export const bindsText = (binds: readonly BindAddress[]): string => binds.map(formatBind).join(' ');
