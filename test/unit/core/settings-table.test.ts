import { describe, expect, test } from 'vitest';
import type { Settings } from '../../../src/core/settings.ts';
import {
  checkRun,
  formatSettingError,
  mergeSettings,
  type RawSetting,
  type RawSettings,
} from '../../../src/core/settings-merge.ts';
import { settingRows } from '../../../src/core/settings-rows.ts';
import { envName } from '../../../src/core/settings-spec.ts';

const source = (entries: Record<string, unknown>, at = (flag: string) => `--${flag}`): RawSettings =>
  new Map(Object.entries(entries).map(([flag, value]): [string, RawSetting] => [flag, { value, at: at(flag) }]));
const none = source({});

function merged(flags: RawSettings, env = none, file = none): Settings {
  const result = mergeSettings({ flags, env, file });
  if (!result.ok) throw new Error(result.failure.map(formatSettingError).join('\n'));
  return result.value;
}

function complaints(flags: RawSettings, env = none, file = none): readonly string[] {
  const result = mergeSettings({ flags, env, file });
  return result.ok ? [] : result.failure.map(formatSettingError);
}

describe('defaults', () => {
  test('are those of the manual', () => {
    expect(merged(none)).toEqual({
      marathon: [],
      group: [],
      sslCerts: [],
      marathonInsecure: false,
      healthCheck: true,
      strictMode: false,
      sse: true,
      pollInterval: 30_000,
      guardShare: 30,
      guardRoutes: 5,
      guardHold: 60_000,
      guardAnswers: 3,
      httpBind: [{ address: '*', port: 80 }],
      httpsBind: [{ address: '*', port: 443 }],
      appidBind: [{ address: '*', port: 9091 }],
      statsBind: [{ address: '127.0.0.1', port: 9090 }],
      minServPortIpPerTask: 10050,
      maxServPortIpPerTask: 10100,
      pathMatch: 'prefix',
      stateDir: '/var/lib/portolan',
      haproxy: '/usr/sbin/haproxy',
      haproxyMode: 'managed',
      runtime: true,
      spareHttp: 200,
      spareSticky: 50,
      spareTcp: 50,
      onStop: 'keep',
      keepGenerations: 10,
      hardStopAfter: 3_610_000,
      maxReloads: 10,
      reloadBudget: 60,
      maxOldWorkers: 10,
      oldWorkersMemory: 2048,
      peer: [],
      adminBind: { address: '127.0.0.1', port: 9092 },
      logLevel: 'info',
    });
  });

  test('and examples are values that their own kinds accept', () => {
    for (const spec of settingRows()) {
      expect(spec.kind.schema.safeParse(spec.example).success, spec.flag).toBe(true);
      if (spec.default === undefined) continue;
      const parsed = spec.kind.schema.parse(spec.default);
      expect(spec.kind.format(parsed), spec.flag).toBe(spec.flag === 'hard-stop-after' ? '3610s' : spec.default);
    }
  });
});

test.each([
  ['flag over all', { 'poll-interval': '1s' }, { 'poll-interval': '2s' }, { 'poll-interval': '3s' }, 1000],
  ['environment over file', {}, { 'poll-interval': '2s' }, { 'poll-interval': '3s' }, 2000],
  ['file over default', {}, {}, { 'poll-interval': '3s' }, 3000],
])('precedence: %s', (_, flags, env, file, wanted) => {
  expect(merged(source(flags), source(env), source(file)).pollInterval).toBe(wanted);
});

test('a wrong value that is overruled hurts nobody', () => {
  expect(merged(source({ 'poll-interval': '1s' }), source({ 'poll-interval': 'soon' })).pollInterval).toBe(1000);
});

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['45', 45_000],
  [45, 45_000],
])('duration %s', (value, wanted) => {
  expect(merged(source({ 'poll-interval': value })).pollInterval).toBe(wanted);
});

test.each<[unknown, Settings['httpBind']]>([
  [
    '*:80,[::]:80',
    [
      { address: '*', port: 80 },
      { address: '::', port: 80 },
    ],
  ],
  [
    ['10.0.0.1:80', '10.0.0.2:80'],
    [
      { address: '10.0.0.1', port: 80 },
      { address: '10.0.0.2', port: 80 },
    ],
  ],
  ['10.0.0.1:80, 10.0.0.1:80', [{ address: '10.0.0.1', port: 80 }]],
  ['[2001:DB8::0001]:8080', [{ address: '2001:db8::1', port: 8080 }]],
  ['off', []],
])('binds %j', (value, wanted) => {
  expect(merged(source({ 'http-bind': value })).httpBind).toEqual(wanted);
});

test('lists are comma lists, repeated flags or YAML lists', () => {
  expect(merged(source({ group: ['a,b', 'c', 'a'] })).group).toEqual(['a', 'b', 'c']);
  expect(merged(source({ group: 'a, b' })).group).toEqual(['a', 'b']);
});

test('a master keeps its path prefix and loses its trailing slash', () => {
  expect(merged(source({ marathon: 'HTTP://Master:8080/marathon/,https://m2' })).marathon).toEqual([
    'http://master:8080/marathon',
    'https://m2',
  ]);
});

test.each([
  ['poll-interval', 'soon', 'it is no duration', '30s'],
  ['poll-interval', '1ms', 'it is not between 100ms and 24h', '30s'],
  ['poll-interval', '-5s', 'it is no duration', '30s'],
  ['keep-generations', '1', 'it is not from 2 to 1000', '10'],
  ['keep-generations', '3.5', 'it is no whole number', '10'],
  ['http-bind', '80', '"80" is not address:port', '*:80,[::]:80'],
  ['http-bind', '::1:80', 'IPv6 stands in brackets', '*:80,[::]:80'],
  ['http-bind', 'localhost:80', 'neither an IP address nor *', '*:80,[::]:80'],
  ['http-bind', '127.1:80', 'neither an IP address nor *', '*:80,[::]:80'],
  ['http-bind', '[fe80::1%eth0]:80', 'neither an IP address nor *', '*:80,[::]:80'],
  ['http-bind', '*:0', 'the port is not from 1 to 65535', '*:80,[::]:80'],
  ['http-bind', '*:70000', 'the port is not from 1 to 65535', '*:80,[::]:80'],
  ['admin-bind', 'off', 'is not address:port', '127.0.0.1:9092'],
  ['log-level', 'loud', 'it is none of these', 'debug'],
  ['sse', 'maybe', 'it is neither', 'true'],
  ['marathon', 'zk://a:2181/marathon', 'does not start with http', 'http://10.0.0.1:8080'],
  ['marathon', 'http://m:8080/?x=1', 'no query', 'http://10.0.0.1:8080'],
  ['group', 'a b', 'has a blank', 'external'],
  ['state-dir', '', 'it is empty', '/var/lib/portolan'],
])('--%s %s: one error with name, value, reason and example', (flag, value, reason, example) => {
  const found = complaints(source({ [flag]: value }));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`--${flag} "${value}"`);
  expect(found[0]).toContain(reason);
  expect(found[0]).toContain(`for example: ${example}`);
});

test('an error names the source as the source calls it', () => {
  const env = source({ 'log-level': 'loud' }, envName);
  const file = source({ group: 'a b' }, (flag) => `portolan.yaml:3: ${flag}`);
  expect(complaints(none, env, file)).toEqual([
    expect.stringContaining('portolan.yaml:3: group "a b"'),
    expect.stringContaining('PORTOLAN_LOG_LEVEL "loud"'),
  ]);
});

test('a password in a URL is refused and not repeated', () => {
  const [found] = complaints(source({ marathon: 'http://joe:hunter2@m:8080' }));
  expect(found).toContain('--marathon-auth-file');
  expect(found).not.toContain('hunter2');
});

test('a value given several times is shown as one list', () => {
  expect(complaints(source({ 'http-bind': ['x', '*:80'] }))[0]).toContain('--http-bind "x,*:80"');
});

test('a YAML map where a text belongs is one error', () => {
  expect(complaints(none, none, source({ 'log-level': { a: 1 } }))).toEqual([
    expect.stringContaining('expected one of trace, debug'),
  ]);
});

describe('settings that do not fit together', () => {
  test.each([
    [{ marathon: 'http://m', apps: 'a.json' }, 'either --marathon or --apps'],
    [{ 'marathon-cert': 'c.pem' }, '--marathon-key is missing'],
    [{ 'marathon-key': 'c.key' }, '--marathon-cert is missing'],
    [{ 'marathon-auth-file': 'a', 'marathon-token-file': 'b' }, 'either --marathon-auth-file or'],
    [{ 'min-serv-port-ip-per-task': '10200' }, 'no more than --max-serv-port-ip-per-task (10100)'],
    [{ 'min-serv-port-ip-per-task': '0' }, 'or both 0'],
    [{ 'https-bind': '127.0.0.1:80' }, 'an address that --http-bind does not use'],
    [{ 'http-bind': '*:80,127.0.0.1:80' }, 'an address that --http-bind does not use'],
    [{ 'http-bind': '*:9092' }, 'an address that --http-bind does not use'],
  ])('%j', (flags, complaint) => {
    expect(complaints(source(flags))).toEqual([expect.stringContaining(complaint)]);
  });

  test.each([
    [{ 'min-serv-port-ip-per-task': '0', 'max-serv-port-ip-per-task': '0' }],
    [{ 'http-bind': '10.0.0.1:80', 'https-bind': '10.0.0.2:80' }],
    [{ 'http-bind': '*:80', 'https-bind': '[::]:80' }],
  ])('but these do: %j', (flags) => {
    expect(complaints(source(flags))).toEqual([]);
  });

  test('of --apps and --marathon, the one from the stronger source wins', () => {
    const settings = merged(source({ apps: 'a.json' }), none, source({ marathon: 'http://m' }));
    expect([settings.apps, settings.marathon]).toEqual(['a.json', []]);
    const other = merged(source({ marathon: 'http://m' }), source({ apps: 'a.json' }));
    expect([other.apps, other.marathon]).toEqual([undefined, ['http://m']]);
  });
});

describe('run', () => {
  const lacking = (flags: Record<string, unknown>) => checkRun(merged(source(flags))).map(formatSettingError);
  test.each([
    [{ group: '*' }, '--marathon is missing'],
    [{ marathon: 'http://m' }, '--group is missing'],
    [{ marathon: 'http://m', group: '*', 'admin-bind': '0.0.0.0:9092' }, '--admin-token-file'],
    [{ marathon: 'http://m', group: '*', 'admin-bind': '[::]:9092' }, '--admin-token-file'],
    [{ marathon: 'http://m', group: '*', 'admin-bind': '*:9092' }, '--admin-token-file'],
  ])('%j is not enough', (flags, complaint) => {
    expect(lacking(flags)).toEqual([expect.stringContaining(complaint)]);
  });

  test.each([
    [{ marathon: 'http://m', group: '*' }],
    [{ apps: 'a.json', group: '*' }],
    [{ marathon: 'http://m', group: '*', 'admin-bind': '[::1]:9092' }],
    [{ marathon: 'http://m', group: '*', 'admin-bind': '0.0.0.0:9092', 'admin-token-file': 't' }],
  ])('%j is enough', (flags) => {
    expect(lacking(flags)).toEqual([]);
  });
});

test('every setting has a help text, a flag that fits its key, and a command', () => {
  for (const spec of settingRows()) {
    expect(spec.flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())).toBe(spec.key);
    expect(spec.help.length, spec.flag).toBeGreaterThan(15);
    expect(spec.help, spec.flag).not.toMatch(/\.$/);
    expect(spec.commands.length, spec.flag).toBeGreaterThan(0);
  }
});
