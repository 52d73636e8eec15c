import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { appOf } from '../../../src/core/problem.ts';
import { createRenderer, type Renderer } from '../../../src/core/render.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import { wordsOf } from '../../support/haproxy-words.ts';
import { apps } from '../../support/hostile-apps.ts';
import { templates } from '../../support/tables.ts';
import { build, CERTIFICATES, SETTINGS } from './table-rig.ts';

const PLACE = { runtimeSocket: '/run/haproxy.sock', stateFile: '/run/server-state' };
const made = createRenderer(templates());
if (!made.ok) throw new Error(made.failure.message);
const renderer: Renderer = made.value;

function render(table: RoutingTable): RenderedConfig {
  const config = renderer.render(table, SETTINGS, CERTIFICATES, PLACE);
  if (!config.ok) throw new Error(config.failure.message);
  return config.value;
}
const rendered = (list: readonly App[]) => {
  const table = build(list, { certificates: CERTIFICATES }).value;
  return { table, config: render(table) };
};

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
  replacement: `${PATH}\\\\1`,
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

const linesOf = (config: RenderedConfig): readonly string[] => (config.files.get('haproxy.cfg') ?? '').split('\n');
/** What stands in haproxy.cfg when there are no apps, and what a profile always says. */
const FIXED: ReadonlySet<string> = new Set([
  ...linesOf(render({ services: [], routes: [], appIds: [], backends: [] })),
  ...(templates().profile.text.match(/^ {2}(?!.*\{\{).*$/gm) ?? []),
]);

describe('whatever labels say', () => {
  test('every line is one of those that an app can have, every value one word of it', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const { config } = rendered(list);
        const own = linesOf(config).filter((line) => !FIXED.has(line));
        expect(own.filter((line) => !isSentence(wordsOf(line)))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test('an app owns no more than its own sections, one for each thing it got', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const { table, config } = rendered(list);
        const lines = linesOf(config);
        const owned = config.owners.filter(
          ({ origin, section }) => appOf(origin) !== undefined && !/^defaults /.test(section),
        );
        const withPassword = table.backends.filter(({ auth }) => auth !== undefined);
        expect(owned).toHaveLength(table.services.length + table.backends.length + withPassword.length);
        for (const { from, to, section } of owned) {
          expect(
            wordsOf(lines[from - 1] ?? '')
              .slice(0, 2)
              .join(' '),
          ).toBe(section);
          const headings = lines.slice(from, to).filter((line) => /^\S/.test(line));
          expect(headings).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('every row of a map is a key and a value, and there is one for each thing that leads somewhere', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const { table, config } = rendered(list);
        const rows = (file: string): readonly string[] =>
          (config.files.get(`maps/${file}`) ?? '').split('\n').slice(0, -1);
        for (const [file] of config.files) {
          if (!file.startsWith('maps/')) continue;
          for (const row of rows(file.slice(5))) expect(row).toMatch(/^[!"$-~][!-~]* [A-Za-z0-9._/!-~-]+$/);
        }
        const routed = ['paths.map', 'paths-nocase.map', 'hosts.map', 'wildcards.map'].flatMap(rows);
        expect(routed).toHaveLength(table.routes.length);
        expect(new Set(routed.map((row) => row.split(' ')[1]))).toEqual(
          new Set(table.routes.map(({ backend }) => backend)),
        );
        expect(rows('app-ids.map')).toHaveLength(table.appIds.length);
      }),
      { numRuns: 150 },
    );
  });
});
