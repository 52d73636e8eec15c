import { parseIp, parseNetwork } from './address.ts';
import type { AppId } from './app.ts';
import type { Problem } from './problem.ts';
import { printable } from './problem.ts';
import type { BasicAuth } from './routing.ts';

/** What is wrong with a label's value, in words that the reader turns into a problem. */
export interface Fault {
  /** What was found, e.g. `"a b" is no host name`. */
  readonly says: string;
  /** What would have been right. */
  readonly expected: string;
  /** When it costs something else than what the label's table row says. */
  readonly effect?: Problem['effect'];
}

/** A label's value, as far as it could be understood, and what could not. */
export interface Parsed<T> {
  /** Absent when nothing usable is left. */
  readonly value?: T;
  readonly faults: readonly Fault[];
}

/** Reads a label's text. Never throws; whatever it returns as value is safe to render. */
export type Parser<T> = (text: string) => Parsed<T>;

/** A value without complaint. */
export const good = <T>(value: T): Parsed<T> => ({ value, faults: [] });

/** No value, and why. */
export const bad = (says: string, expected: string): Parsed<never> => ({ faults: [{ says, expected }] });

/** A foreign text in quotes, shortened. */
export const quoted = (text: string): string => `"${printable(text, 60)}"`;

/** Blank- or comma-separated entries, trimmed (also of no-break spaces), without empty ones. */
export const entriesOf = (text: string, separator: RegExp): readonly string[] =>
  text
    .split(separator)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** Reads each entry by itself, so that a bad one costs only itself. */
export function parseEach<T>(entries: readonly string[], parse: Parser<T>): Parsed<readonly T[]> {
  const parsed = entries.map(parse);
  return {
    value: parsed.flatMap((entry) => (entry.value === undefined ? [] : [entry.value])),
    faults: parsed.flatMap((entry) => entry.faults),
  };
}

const TRUE_WORDS = ['true', 't', 'yes', 'y'];
const FALSE_WORDS = ['false', 'f', 'no', 'n', '0', ''];

/** marathon-lb's booleans: true, t, yes, y in any case. All else is false; what looks like a mistake is told. */
export const parseBoolean: Parser<boolean> = (text) => {
  const word = text.trim().toLowerCase();
  if (TRUE_WORDS.includes(word)) return good(true);
  if (FALSE_WORDS.includes(word)) return good(false);
  const says = `${quoted(text)} is none of the words for true, so it counts as false`;
  return { value: false, faults: [{ says, expected: 'true or false', effect: 'notice' }] };
};

/** The boolean that decides whether a port is served: a word that looks like a mistake costs the route. */
export const parseEnabled: Parser<boolean> = (text) => {
  const { value = false, faults } = parseBoolean(text);
  const refused = ({ says, expected }: Fault): Fault => ({
    says: `${says}: the port is not served`,
    expected,
    effect: 'route-refused',
  });
  return { value, faults: faults.map(refused) };
};

/** Whole numbers between two bounds, inclusive. */
export const parseInteger =
  (min: number, max: number): Parser<number> =>
  (text) => {
    const expected = `a whole number from ${min} to ${max}`;
    const digits = text.trim();
    if (!/^[+-]?\d{1,15}$/.test(digits)) return bad(`${quoted(text)} is no whole number`, expected);
    const value = Number(digits) + 0;
    return value < min || value > max ? bad(`${quoted(text)} is out of range`, expected) : good(value);
  };

/** One of a few words, in any case. */
export const parseWord =
  <const W extends string>(words: readonly W[]): Parser<W> =>
  (text) => {
    const word = words.find((candidate) => candidate === text.trim().toLowerCase());
    return word === undefined ? bad(`${quoted(text)} is not known`, words.join(' or ')) : good(word);
  };

/** Comma-separated names that are only compared, never rendered. */
export const parseNames: Parser<readonly string[]> = (text) => good(entriesOf(text, /,/));

/** Any text: for labels that Portolan knows but does not read. */
export const parseAnything: Parser<string> = (text) => good(text);

/** What HAPROXY_{n}_PATH asks for. */
export interface PathPrefixes {
  readonly ignoreCase: boolean;
  readonly prefixes: readonly string[];
}

/** A raw request path as clients send it; map files carry it, so: no blank, no control character. `%` only as an escape. */
const PATH_PREFIX = /^\/(?:[A-Za-z0-9._~!$&()*+,;=:@/-]|%[0-9A-Fa-f]{2}){0,511}$/;

/** The prefixes after `path_beg`: blank-separated, `-i` may stand before them. */
export const parsePathPrefixes: Parser<PathPrefixes> = (text) => {
  const words = entriesOf(text, /\s+/);
  const ignoreCase = words[0] === '-i';
  const flag = words.slice(ignoreCase ? 1 : 0).find((word) => word.startsWith('-'));
  if (flag !== undefined)
    return bad(`the flag ${quoted(flag)} is not honoured`, 'path prefixes, with -i before them at most');
  const { value: prefixes = [], faults } = parseEach(ignoreCase ? words.slice(1) : words, (word) =>
    PATH_PREFIX.test(word)
      ? good(word)
      : bad(
          `${quoted(word)} is no path prefix`,
          'path prefixes that start with / and hold only characters of a URL path',
        ),
  );
  return prefixes.length === 0 && words.length > 0
    ? { faults: faults.length > 0 ? faults : bad('no prefix follows -i', '-i and at least one prefix').faults }
    : { value: { ignoreCase, prefixes }, faults };
};

/** A path that is written into the configuration itself (header rewriting, redirects): no character that HAProxy interprets. */
export const parseUrlPath: Parser<string> = (text) =>
  /^\/[A-Za-z0-9._~/:@,=-]{0,511}$/.test(text.trim())
    ? good(text.trim())
    : bad(
        `${quoted(text)} is no plain path`,
        'a path that starts with / and holds only letters, digits and . _ ~ / : @ , = -',
      );

/** Whether a health check's path can be copied: it is untrusted too, and goes into a map. A query may follow. */
export const isCheckPath = (path: string): boolean =>
  /^\/(?:[A-Za-z0-9._~!&()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,1023}$/.test(path);

/** IPs and CIDRs. One bad entry spoils the list: half a list would let in or lock out the wrong ones. */
export const parseNetworks: Parser<readonly string[]> = (text) => {
  const expected = 'IP addresses or networks in CIDR form, separated by blanks';
  const { value: networks = [], faults } = parseEach(entriesOf(text, /[\s,]+/), (entry) => {
    const network = parseNetwork(entry);
    return network === undefined ? bad(`${quoted(entry)} is no address or network`, expected) : good(network);
  });
  if (faults.length > 0) return { faults };
  return networks.length === 0 ? bad('the list is empty', expected) : good([...new Set(networks)]);
};

/** Listen addresses: `*`, IPv4 or IPv6. A bad one costs only itself. */
export const parseBindAddresses: Parser<readonly string[]> = (text) => {
  const expected = '* or IP addresses, separated by commas, without port';
  const { value: addresses = [], faults } = parseEach(entriesOf(text, /,/), (entry) => {
    if (entry === '*' || entry === '0.0.0.0') return good('*');
    const ip = parseIp(entry.replace(/^\[(.*)\]$/, '$1'));
    return ip === undefined ? bad(`${quoted(entry)} is no address`, expected) : good(ip.text);
  });
  if (addresses.length > 0) {
    const costsItself = faults.map((fault): Fault => ({ ...fault, effect: 'value-ignored' }));
    return { value: withoutCovered([...new Set(addresses)]), faults: costsItself };
  }
  return faults.length > 0 ? { faults } : bad('the list is empty', expected);
};

/** `*` and `::` hold every address of their family: one beside them would be bound twice. */
const withoutCovered = (addresses: readonly string[]): readonly string[] =>
  addresses.filter((address) => {
    const all = address.includes(':') ? '::' : '*';
    return address === all || !addresses.includes(all);
  });

/** Path of a file: absolute, or relative to one of the folders; which one it is, and whether it may be used, is decided later. */
export const parseFilePath: Parser<string> = (text) => {
  const path = text.trim();
  const plain = /^[A-Za-z0-9._/@+=,-]{1,512}$/.test(path) && !path.split('/').includes('..');
  return plain
    ? good(path.replace(/\/{2,}/g, '/').replace(/(^|\/)(?:\.\/)+/g, '$1'))
    : bad(`${quoted(text)} is no plain file name`, 'the path of a file, without .. and without blanks');
};

/** crypt(3): `$id$…`, or the 13 (20 with `_`) characters of the DES forms. A password in clear matches neither. */
const CRYPT = /^(?:\$[a-z0-9-]{1,10}\$[A-Za-z0-9./$=,:+*@_-]{8,256}|[A-Za-z0-9./]{13}|_[A-Za-z0-9./]{19})$/;

/** Shown by browsers, so blanks are fine; nothing that quotes, escapes or expands, in HAProxy or in the header. */
const REALM = /^(?! )[A-Za-z0-9 !&()*+,./;<=>?@^_{|}~-]{1,128}(?<! )$/;

/** `realm:user:hash`; the hash may hold colons. Nothing of the value is ever shown. */
export const parseAuth: Parser<BasicAuth> = (text) => {
  const expected = 'realm:user:hash, the hash as crypt(3) makes it (mkpasswd -m sha-256)';
  const [, realm, user, passwordHash] = /^([^:]*):([^:]*):(.*)$/s.exec(text.trim()) ?? [];
  if (realm === undefined || user === undefined || passwordHash === undefined) {
    return bad('there are not three parts with colons between them', expected);
  }
  if (!REALM.test(realm)) {
    return bad('the realm is empty or holds characters that are not allowed', expected);
  }
  if (!/^[A-Za-z0-9._@+-]{1,64}$/.test(user)) {
    return bad('the user is empty or holds characters that are not allowed', expected);
  }
  if (!CRYPT.test(passwordHash)) return bad('the third part is no crypt(3) hash', expected);
  return good({ realm, user, passwordHash });
};

/** The characters of an app id that names of frontends and backends can be made of. */
const APP_ID = /^(?:\/[A-Za-z0-9._-]+)+$/;

/** Whether an app's id can be turned into a backend's name: Marathon allows less, but a file may hold anything. */
export const isRoutableAppId = (id: string): boolean => id.length <= 400 && APP_ID.test(id);

/** The id under which the apps of a deployment group are served; a leading slash may be left out. */
export const parseDeploymentGroup: Parser<AppId> = (text) => {
  const id = text.trim().replace(/^\/?/, '/');
  return isRoutableAppId(id)
    ? good(id as AppId)
    : bad(
        `${quoted(text)} is no name for a group`,
        'a name such as an app id: letters, digits and . _ - with / between',
      );
};

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/;

/** An ISO 8601 date as milliseconds since the epoch. Without a zone it counts as UTC, so that all are comparable. */
export const parseDate: Parser<number> = (text) => {
  const match = DATE.exec(text.trim());
  const expected = 'a date such as 2024-05-01T12:00:00';
  if (match === null) return bad(`${quoted(text)} is no date`, expected);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const inRange = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 && minute <= 59 && second <= 60;
  if (!inRange) return bad(`${quoted(text)} is no date`, expected);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second) + Number(`0${match[7] ?? ''}`) * 1000;
  const zone = /^([+-])(\d\d):?(\d\d)$/.exec(match[8] ?? '');
  const offsetMinutes = zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
  return good(utc - offsetMinutes * 60_000);
};
