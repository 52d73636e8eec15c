import type { Fault, Parsed, Parser } from './label-parsers.ts';
import { bad, entriesOf, good, parseFilePath, quoted } from './label-parsers.ts';
import type { BindOption } from './routing.ts';

/** What HAPROXY_{n}_BIND_OPTIONS asks for. */
export interface BindOptions {
  /** In a fixed order, each once. `ca-file` is a path still to be resolved. */
  readonly options: readonly BindOption[];
  /** Something that protects the listener could not be honoured: opening it would be less than what was asked for. */
  readonly unsafe: boolean;
}

/** The options in the order in which they are rendered, with what reads their argument. */
const OPTIONS: Readonly<Record<BindOption['option'], (argument: string) => Parsed<BindOption>>> = {
  'accept-proxy': () => good({ option: 'accept-proxy' }),
  alpn: matching('alpn', /^[A-Za-z0-9./-]{1,32}(?:,[A-Za-z0-9./-]{1,32}){0,7}$/, 'protocols such as h2,http/1.1'),
  ciphers: matching('ciphers', /^[A-Za-z0-9!@+=:_.,-]{1,1000}$/, 'an OpenSSL cipher list'),
  ciphersuites: matching(
    'ciphersuites',
    /^TLS_(?:AES_128_GCM_SHA256|AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256|AES_128_CCM_SHA256|AES_128_CCM_8_SHA256)(?::TLS_[A-Z0-9_]{1,40}){0,4}$/,
    'TLS 1.3 suites such as TLS_AES_128_GCM_SHA256',
  ),
  'ssl-min-ver': tlsVersion('ssl-min-ver'),
  'ssl-max-ver': tlsVersion('ssl-max-ver'),
  'ca-file': (argument) => {
    const { value, faults } = parseFilePath(argument);
    return value === undefined ? { faults } : good({ option: 'ca-file', argument: value });
  },
  verify: (argument) =>
    argument === 'none' || argument === 'optional' || argument === 'required'
      ? good({ option: 'verify', argument })
      : bad(`${quoted(argument)} is no way to verify clients`, 'none, optional or required'),
  'strict-sni': () => good({ option: 'strict-sni' }),
  tfo: () => good({ option: 'tfo' }),
  'defer-accept': () => good({ option: 'defer-accept' }),
};

const WITHOUT_ARGUMENT: ReadonlySet<string> = new Set(['accept-proxy', 'strict-sni', 'tfo', 'defer-accept']);
/** Ours that must not be lost when misspelt, and HAProxy's own that we do not honour: without them the listener is wider open. */
const PROTECTING: ReadonlySet<string> = new Set(
  (
    'verify ca-file crl-file ca-verify-file ca-sign-file ssl crt crt-list ssl-min-ver ssl-max-ver ciphers ciphersuites ' +
    'force-tlsv12 force-tlsv13 no-tlsv12 interface namespace accept-netscaler-cip'
  ).split(' '),
);
const TLS_ONLY: ReadonlySet<string> = new Set(
  'alpn ciphers ciphersuites ssl-min-ver ssl-max-ver verify ca-file strict-sni'.split(' '),
);
const TLS_VERSIONS = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** Whether the option means something only on a bind with a certificate. */
export const isTlsOption = (option: BindOption): boolean => TLS_ONLY.has(option.option);

/** Reads exactly the options that Portolan knows; every other word is a fault. */
export const parseBindOptions: Parser<BindOptions> = (text) => {
  const chosen = new Map<string, BindOption>();
  const faults: Fault[] = [];
  let unsafe = false;
  for (const [name, ...args] of grouped(entriesOf(text, /\s+/))) {
    const { value, faults: wrong } = parseOption(name, args);
    if (value !== undefined) chosen.set(name, value);
    const protects = value === undefined && PROTECTING.has(name);
    unsafe ||= protects;
    faults.push(...(protects ? wrong.map(closing) : wrong));
  }
  const options = Object.keys(OPTIONS).flatMap((name) => chosen.get(name) ?? []);
  const contradiction = contradictionIn(options);
  if (contradiction !== undefined) faults.push(closing(contradiction));
  return { value: { options, unsafe: unsafe || contradiction !== undefined }, faults };
};

/** The fault of an option without which the listener must not be opened. */
const closing = (fault: Fault): Fault => ({
  ...fault,
  says: `${fault.says}; the service port stays closed`,
  effect: 'route-refused',
});

/** Each option with the words up to the next one. */
function grouped(words: readonly string[]): readonly (readonly [string, ...string[]])[] {
  const groups: [string, ...string[]][] = [];
  for (const word of words) {
    const last = groups.at(-1);
    const startsNew = last === undefined || isKnown(word) || PROTECTING.has(word) || isComplete(last);
    if (startsNew) groups.push([word]);
    else last.push(word);
  }
  return groups;
}

/** A known option takes one word or none; what follows is the next one. */
const isComplete = (group: readonly [string, ...string[]]): boolean =>
  isKnown(group[0]) && group.length > (WITHOUT_ARGUMENT.has(group[0]) ? 0 : 1);

const isKnown = (word: string): word is BindOption['option'] => Object.hasOwn(OPTIONS, word);

function parseOption(name: string, args: readonly string[]): Parsed<BindOption> {
  const expected = `only ${Object.keys(OPTIONS).join(', ')}`;
  if (!isKnown(name)) return bad(`${quoted([name, ...args].join(' '))} is no option that a label may set`, expected);
  return OPTIONS[name](args.join(' '));
}

/** What HAProxy would refuse in combination. */
function contradictionIn(options: readonly BindOption[]): Fault | undefined {
  const argumentOf = (name: BindOption['option']): string | undefined => {
    const option = options.find((candidate) => candidate.option === name);
    return option !== undefined && 'argument' in option ? option.argument : undefined;
  };
  const verify = argumentOf('verify');
  if (verify !== undefined && verify !== 'none' && argumentOf('ca-file') === undefined) {
    return { says: `verify ${verify} has no ca-file beside it`, expected: 'verify and ca-file together' };
  }
  const [min, max] = [argumentOf('ssl-min-ver'), argumentOf('ssl-max-ver')];
  return min !== undefined && max !== undefined && min > max
    ? {
        says: `ssl-min-ver ${min} is above ssl-max-ver ${max}`,
        expected: 'a lowest version that is not above the highest',
      }
    : undefined;
}

function matching(option: 'alpn' | 'ciphers' | 'ciphersuites', shape: RegExp, expected: string) {
  return (argument: string): Parsed<BindOption> =>
    shape.test(argument) ? good({ option, argument }) : bad(`${option} has ${quoted(argument)}`, expected);
}

function tlsVersion(option: 'ssl-min-ver' | 'ssl-max-ver') {
  return (text: string): Parsed<BindOption> => {
    const argument = TLS_VERSIONS.find((version) => version === text);
    return argument === undefined
      ? bad(`${option} has ${quoted(text)}`, TLS_VERSIONS.join(', '))
      : good({ option, argument });
  };
}
