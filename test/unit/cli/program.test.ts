import { afterEach, describe, expect, test } from 'vitest';
import { settingRows } from '../../../src/core/settings-rows.ts';
import { type CommandName, envName } from '../../../src/core/settings-spec.ts';
import { portolan, temporaryFolder } from './rig.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const COMMANDS: readonly CommandName[] = ['run', 'demo', 'render', 'routes', 'config', 'status'];

describe('help', () => {
  test('of the program lists every command, examples and exit codes', async () => {
    const { code, out } = await portolan(['--help']);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command}( |\\[)`, 'm'));
    expect(out).toContain('Examples:\n  portolan run --marathon');
    expect(out).toContain('2 bad usage, 3 unreadable file, 4 HAProxy missing or too old');
  });

  test.each(COMMANDS)('of %s has examples, and a text for every flag that it takes', async (command) => {
    for (const argv of [
      [command, '--help'],
      ['help', command],
    ]) {
      const { code, out } = await portolan(argv);
      expect(code).toBe(0);
      expect(out).toContain(`Examples:\n`);
      expect(out).toMatch(new RegExp(`^ {2}(\\S+ )*portolan ${command}`, 'm'));
      const words = out.replace(/\s+/g, ' ');
      for (const row of settingRows(command)) {
        const shown =
          row.kind.placeholder === undefined ? `--[no-]${row.flag}` : `--${row.flag} ${row.kind.placeholder}`;
        expect(words).toContain(`${shown} ${row.help}`);
        expect(words).toContain(envName(row.flag));
        if (row.default !== undefined) expect(words).toContain(`default: ${row.default}`);
      }
      for (const line of out.split('\n').filter((one) => /^ {2}--/.test(one))) {
        expect(line, line).toMatch(/^ {2}--\S+( <[^>]+>)? {2,}\S/);
      }
    }
  });
});

test('--version', async () => {
  expect(await portolan(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
});

test.each([
  [['run', '--maraton', 'http://m'], "unknown option '--maraton'", 'Did you mean --marathon?'],
  [['render', '--app', 'x', '--output', 'y'], "unknown option '--app'", 'Did you mean --apps?'],
  [['statu'], "unknown command 'statu'", 'Did you mean status?'],
  [['status', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?'],
  [['run', '--sse=false'], 'option \'--sse\' takes no value ("false")', '--no-sse'],
  [['routes', 'a', 'b'], 'too many arguments', 'portolan routes --help'],
  [['run', '--marathon'], 'argument missing', 'portolan run --help'],
  [['render', '--apps', 'x'], "required option '--output <path>'", 'portolan render --help'],
  [['--frobnicate'], "unknown option '--frobnicate'", 'portolan --help'],
  [[], 'Usage: portolan', 'run [options]'],
])('%j is bad usage, with a hint', async (argv, complaint, hint) => {
  const ended = await portolan(argv);
  expect(ended.code).toBe(2);
  expect(ended.err).toContain(complaint);
  expect(ended.err).toContain(hint);
  expect(ended.out).toBe('');
  expect(ended.settings).toBeUndefined();
});

describe('run', () => {
  test('starts the daemon with what the flags say', async () => {
    const argv = ['run', '--marathon', 'http://a:8080', '--marathon', 'http://b:8080', '--group', 'x,y', '--no-sse'];
    const { code, settings } = await portolan([
      ...argv,
      '--https-bind',
      'off',
      '--poll-interval',
      '5s',
      '--strict-mode',
    ]);
    expect(code).toBe(0);
    expect(settings).toMatchObject({
      marathon: ['http://a:8080', 'http://b:8080'],
      group: ['x', 'y'],
      sse: false,
      strictMode: true,
      httpsBind: [],
      pollInterval: 5000,
      healthCheck: true,
    });
  });

  test('without Marathon or group is bad usage, and both are named', async () => {
    const { code, err, settings } = await portolan(['run']);
    expect(code).toBe(2);
    expect(err).toContain('portolan: --marathon is missing');
    expect(err).toContain('portolan: --group is missing');
    expect(settings).toBeUndefined();
  });

  test('with an admin API open to others and no token is bad usage', async () => {
    const argv = ['run', '--marathon', 'http://m', '--group', '*', '--admin-bind', '0.0.0.0:9092'];
    expect(await portolan(argv)).toMatchObject({ code: 2, err: expect.stringContaining('--admin-token-file') });
    expect((await portolan([...argv, '--admin-token-file', '/t'])).code).toBe(0);
  });

  test.each([
    [{ kind: 'haproxy', detail: 'no HAProxy at "/x". Install it: apt-get install haproxy' } as const, 4],
    [{ kind: 'failed', detail: 'it broke' } as const, 1],
  ])('that ends with %j has exit code %i', async (failure, code) => {
    const ended = await portolan(['run', '--marathon', 'http://m', '--group', '*'], {
      daemon: { ok: false, failure },
    });
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(failure.detail);
  });
});

test('demo passes the HAProxy on', async () => {
  expect((await portolan(['demo'])).demo).toEqual({});
  expect((await portolan(['demo', '--haproxy', '/x/haproxy'])).demo).toEqual({ haproxy: '/x/haproxy' });
});

test('client commands refuse what cannot be asked, before asking', async () => {
  const folder = temporaryFolder(cleanups);
  const at = ['--state-dir', folder];
  expect(await portolan(['routes', '--wait', '3s', ...at])).toMatchObject({
    code: 2,
    err: expect.stringContaining('need a host name'),
  });
  expect(await portolan(['routes', 'a.example', '--wait', 'long', ...at])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--wait "long"; expected a duration, for example: 30s'),
  });
  expect(await portolan(['config', '--generation', 'x', ...at])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--generation "x"'),
  });
  expect(await portolan(['status', '--admin', 'nowhere', ...at])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--admin "nowhere": expected a URL'),
  });
});
