import type { RenderedConfig } from '../../src/core/config.ts';
import { createRenderer, type Renderer } from '../../src/core/render.ts';
import { CERTIFICATES, SETTINGS } from '../unit/core/table-rig.ts';
import { wordsOf } from './haproxy-words.ts';
import { templates } from './tables.ts';

/** The lines and rows that apps can have in a configuration, and nothing else: our own check, without HAProxy. */

const PLACE = { runtimeSocket: '/run/haproxy.sock', stateFile: '/run/server-state' };

const NAME = '[A-Za-z0-9._-]+_\\d+';
const PATH = '/[A-Za-z0-9._~/:@,=-]*';
/** What a word that somebody else can influence may be, in the lines below. Everything else stands there as it is. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  name: NAME,
  profile: 'P_[A-Za-z0-9_.:-]+',
  mode: 'http|tcp',
  bind: '(?:\\*|[0-9.]+|\\[[0-9a-f:]+\\]):\\d+',
  pem: '/certs/[a-z.]+',
  list: '[A-Za-z0-9!@+=:_.,/-]+',
  tls: 'TLSv1\\.[0-3]',
  verify: 'none|optional|required',
  network: '[0-9a-f.:]+(?:/\\d+)?',
  realm: '[A-Za-z0-9 !&()*+,./;<=>?@^_{|}~-]+',
  path: PATH,
  host: '[a-z0-9_.-]+',
  pattern: '(?:\\(\\?i\\))?\\^.+',
  // The path `/` is no prefix.
  replacement: `(?:${PATH})?\\\\1`,
  server: '[A-Za-z0-9_-]+',
  n: '\\d+',
  cookie: '[0-9a-f]{10}',
  user: '[A-Za-z0-9._@+-]+',
  hash: '[A-Za-z0-9./$=,:+*@_-]+',
  algorithm: '[a-z-]+(?:\\([A-Za-z0-9_-]+\\))?',
  parameter: '[A-Za-z0-9_-]+',
};

/** Every line that an app can have in haproxy.cfg: `<argument>` is one word, `[…]` may be missing. */
const LINES = [
  'userlist user_<name>',
  'user <user> password <hash>',
  'frontend <name>_in from base',
  'mode <mode>',
  'bind <bind>[ v6only][ ssl crt <pem>][ accept-proxy][ alpn <list>][ ciphers <list>][ ciphersuites <list>][ ssl-min-ver <tls>][ ssl-max-ver <tls>][ ca-file <pem>][ verify <verify>][ strict-sni][ tfo][ defer-accept]',
  'option httplog',
  'option tcplog',
  'no option idle-close-on-response',
  'default_backend <name>',
  'backend <name> from <profile>',
  'acl network_allowed src -- <network>',
  'http-request deny deny_status 403 unless network_allowed',
  'tcp-request content reject unless network_allowed',
  'http-request auth realm <realm> unless { http_auth(user_<name>) }',
  'http-request redirect code 301 location <path> if { path / } { req.fhdr(host),lower,host_only,rtrim(.) -m reg <pattern> }',
  'http-request set-header Host <host>',
  'http-request replace-path <pattern> /\\1',
  'http-response replace-header Location <pattern> <replacement>',
  'server <server> <bind> id <n>[ check inter <n>ms fall <n>[ port <n>][ check-ssl verify none]][ cookie <cookie>][ disabled]',
];
/** Lines that only some value of a label brings into a profile that all share. */
const PROFILE_LINES = [
  'defaults <profile> from base',
  'balance <algorithm>',
  'balance url_param <parameter>',
  'timeout check <n>s',
];

/** Words are compared joined by a character that no word may hold. */
const GAP = '\u0001';
const SENTENCES = [...LINES, ...PROFILE_LINES].map((line) => {
  const literal = line.replace(/[.*+?^${}()|\\]/g, '\\$&').replaceAll(' ', GAP);
  const optional = literal.replaceAll('[', '(?:').replaceAll(']', ')?');
  return new RegExp(`^${optional.replace(/<(\w+)>/g, (_, name: string) => `(?:${ARGUMENTS[name]})`)}$`);
});
const isSentence = (words: readonly string[]): boolean => {
  const joined = words.join(GAP);
  return words.every((word) => !word.includes(GAP)) && SENTENCES.some((sentence) => sentence.test(joined));
};

/** The lines of haproxy.cfg. */
export const linesOf = (config: RenderedConfig): readonly string[] =>
  (config.files.get('haproxy.cfg') ?? '').split('\n');
/** The renderer of the packaged templates. */
export function packagedRenderer(): Renderer {
  const made = createRenderer(templates());
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}

/** What that one makes of a table on the rig's node. Throws where it makes nothing. */
export function renderedBy(renderer: Renderer, table: Parameters<Renderer['render']>[0]): RenderedConfig {
  const config = renderer.render(table, SETTINGS, CERTIFICATES, PLACE);
  if (!config.ok) throw new Error(config.failure.message);
  return config.value;
}

/** What stands in haproxy.cfg when there are no apps, and what a profile always says. */
const FIXED: ReadonlySet<string> = new Set([
  ...linesOf(renderedBy(packagedRenderer(), { services: [], routes: [], appIds: [], backends: [] })),
  ...(templates().profile.text.match(/^ {2}(?!.*\{\{).*$/gm) ?? []),
]);

/** Lines that were found to be right: thousands of configurations hold the same ones. */
const right = new Set<string>();

/** Lines that no app can have, by the grammar, and sections that are there twice: none, whatever labels say. */
export function strangeLines(config: RenderedConfig): readonly string[] {
  const headings = new Set<string>();
  return linesOf(config).filter((line) => {
    if (/^\S/.test(line)) {
      if (headings.has(line)) return true;
      headings.add(line);
    }
    if (FIXED.has(line) || right.has(line)) return false;
    if (!isSentence(wordsOf(line))) return true;
    right.add(line);
    return false;
  });
}

/** Rows of maps that are not a key and a value. */
export function strangeRows(config: RenderedConfig): readonly string[] {
  const maps = [...config.files].filter(([file]) => file.startsWith('maps/'));
  return maps.flatMap(([, text]) => {
    const rows = text.split('\n');
    const unfinished = rows.pop() ?? '';
    return [
      ...rows.filter((row) => !/^[!"$-~][!-~]* [A-Za-z0-9._/!-~-]+$/.test(row)),
      ...(unfinished === '' ? [] : [unfinished]),
    ];
  });
}
