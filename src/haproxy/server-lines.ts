/** What a configuration says about a server, as far as its saved state must fit to it. */
export interface ConfiguredServer {
  /** The server's own port. */
  readonly port: number;
  /** It is checked, and on this port; 0: the server's own. */
  readonly check: boolean;
  readonly checkPort: number;
  readonly tls: boolean;
  /** Starts in maintenance. */
  readonly disabled: boolean;
}

/** Words that begin a section; HAProxy does not care how lines are indented. */
const SECTIONS = new Set(
  (
    'acme backend cache crt-store defaults fcgi-app frontend global http-errors listen log-forward log-profile ' +
    'mailers peers program resolvers ring traces userlist'
  ).split(' '),
);

/** The key of a server in one backend. Neither name can hold a blank. */
export const serverKey = (backend: string, server: string): string => `${backend} ${server}`;

/**
 * Finds every `server` of a haproxy.cfg, with what `default-server` gives it: of its own section and of the named
 * `defaults` that the section comes from.
 */
export function readServers(haproxyCfg: string): ReadonlyMap<string, ConfiguredServer> {
  const servers = new Map<string, ConfiguredServer>();
  const inherited = new Map<string, readonly string[]>();
  let section = { kind: '', name: '' };
  // Of the section being read, and of the `defaults` read last: a section that names none comes from that one.
  let words: readonly string[] = [];
  let latest: readonly string[] = [];
  for (const line of haproxyCfg.split('\n')) {
    const [first = '', ...rest] = wordsOf(line);
    if (SECTIONS.has(first)) {
      const from = rest.indexOf('from');
      section = { kind: first, name: from === 0 ? '' : (rest[0] ?? '') };
      words = from >= 0 ? (inherited.get(rest[from + 1] ?? '') ?? []) : first === 'defaults' ? [] : latest;
    } else if (first === 'default-server') {
      words = [...words, ...rest];
    } else if (first === 'server' && (section.kind === 'backend' || section.kind === 'listen')) {
      const [server = '', address = '', ...own] = rest;
      servers.set(serverKey(section.name, server), describe(address, [...words, ...own]));
    }
    if (section.kind === 'defaults') {
      latest = words;
      if (section.name !== '') inherited.set(section.name, words);
    }
  }
  return servers;
}

function describe(address: string, words: readonly string[]): ConfiguredServer {
  // Later words win over those of `default-server`.
  const last = (yes: string, no: string): boolean => words.lastIndexOf(yes) > words.lastIndexOf(no);
  const portAt = words.lastIndexOf('port');
  return {
    port: Number(/:(\d+)$/.exec(address)?.[1] ?? 0),
    check: last('check', 'no-check'),
    checkPort: portAt < 0 ? 0 : Number(words[portAt + 1] ?? 0),
    tls: last('ssl', 'no-ssl'),
    disabled: last('disabled', 'enabled'),
  };
}

/** The words of a line as HAProxy splits it: quotes group, a backslash takes the next character as it is, `#` ends it. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (quote === '' && character === '#') break;
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === quote) {
      quote = '';
    } else if (character === '\\' && quote !== "'") {
      at += 1;
      word = (word ?? '') + line.charAt(at);
    } else {
      word = (word ?? '') + character;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
