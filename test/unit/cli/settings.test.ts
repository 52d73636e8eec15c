import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parseSettingsFile } from '../../../src/cli/settings-file.ts';
import { portolan, temporaryFolder } from './rig.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function configured(yaml: string): { readonly folder: string; readonly file: string } {
  const folder = temporaryFolder(cleanups);
  const file = join(folder, 'p.yaml');
  writeFileSync(file, yaml);
  return { folder, file };
}

describe('precedence', () => {
  const yaml = 'marathon: http://file:1\ngroup: [file, two]\nlog-level: debug\nsse: false\nkeep-generations: 20\n';

  test('flags, then environment, then file, then defaults', async () => {
    const { file } = configured(yaml);
    const argv = ['run', '--config', file, '--marathon', 'http://flag:1'];
    const { settings } = await portolan(argv, {
      env: { PORTOLAN_GROUP: 'env', PORTOLAN_MARATHON: 'http://env:1' },
    });
    expect(settings).toMatchObject({
      marathon: ['http://flag:1'],
      group: ['env'],
      logLevel: 'debug',
      sse: false,
      keepGenerations: 20,
      onStop: 'keep',
    });
  });

  test('a switch of the file is turned on again by its flag, and off by the other form', async () => {
    const { file } = configured(yaml);
    const on = await portolan(['run', '--config', file, '--sse']);
    expect(on.settings?.sse).toBe(true);
    const off = await portolan(['run', '--no-health-check'], {
      env: { PORTOLAN_CONFIG: file, PORTOLAN_HEALTH_CHECK: 'true' },
    });
    expect(off.settings?.healthCheck).toBe(false);
  });

  test('an empty variable counts as not set', async () => {
    const { file } = configured(yaml);
    const { settings } = await portolan(['run', '--config', file], { env: { PORTOLAN_GROUP: '' } });
    expect(settings?.group).toEqual(['file', 'two']);
  });
});

test('relative paths count from the working directory, in the file from its folder', async () => {
  const { folder, file } = configured('marathon: http://m\ngroup: "*"\nssl-certs: [certs, /abs]\nstate-dir: state\n');
  const cwd = temporaryFolder(cleanups);
  const argv = ['run', '--config', file, '--templates', 'mine', '--haproxy', './bin/haproxy'];
  const { settings } = await portolan(argv, { cwd, env: { PORTOLAN_MARATHON_CA: 'ca.pem' } });
  expect(settings).toMatchObject({
    sslCerts: [join(folder, 'certs'), '/abs'],
    stateDir: join(folder, 'state'),
    templates: join(cwd, 'mine'),
    haproxy: join(cwd, 'bin/haproxy'),
    marathonCa: join(cwd, 'ca.pem'),
  });
  const named = await portolan(['run', '--config', file, '--haproxy', 'haproxy'], { cwd });
  expect(named.settings?.haproxy).toBe('haproxy');
});

describe('the file', () => {
  const yaml = (group: string) => `marathon: http://m\ngroup: ${group}\n`;
  test.each([
    ['group: [a\nx: y', 'p.yaml:', 'not YAML'],
    ['group: a\ngroup: b\n', 'p.yaml:2', 'unique'],
    ['- a\n- b\n', 'p.yaml:1', 'expected one setting a line'],
    ['just text', 'p.yaml:1', 'expected one setting a line'],
    ['group: a\npoll-intervall: 5s\n', 'p.yaml:2: unknown setting "poll-intervall"', 'did you mean poll-interval?'],
    ['# note\n\nhttp_bind: "*:80"\n', 'p.yaml:3: unknown setting "http_bind"', 'did you mean http-bind?'],
    ['no-sse: true\n', 'p.yaml:1: unknown setting "no-sse"', 'did you mean sse?'],
    ['pollInterval: 5s\n', 'p.yaml:1: unknown setting "pollInterval"', 'did you mean poll-interval?'],
    ['colour: blue\n', 'p.yaml:1: unknown setting "colour"', 'the keys are the names of the flags'],
    ['group: a\npoll-interval: soon\n', 'p.yaml:2: poll-interval "soon"', 'for example: 30s'],
    ['poll-interval:\n', 'p.yaml:1: poll-interval', 'for example: 30s'],
    ['log-level: {a: 1}\n', 'p.yaml:1: log-level', 'for example: debug'],
    ['group: a\nhttp-bind: *:80\n', 'p.yaml:2: http-bind "*:80"', "http-bind: '*:80'"],
    ['http-bind: ["[::]:80", *:80]\n', 'p.yaml:1: http-bind "*:80"', "http-bind: '*:80'"],
    ['group: *\n', 'p.yaml:1: not YAML', 'expected quotes around a value that begins with *'],
    ['http-bind: 80\n', 'p.yaml:1: http-bind "80"', 'for example: *:80,[::]:80'],
  ])('%j is refused with its line', async (yaml, place, hint) => {
    const { file } = configured(yaml);
    const { code, err } = await portolan(['run', '--config', file, '--marathon', 'http://m']);
    expect(code).toBe(2);
    expect(err).toContain(place);
    expect(err).toContain(hint);
  });

  test('may be empty, JSON, or use anchors', async () => {
    expect(parseSettingsFile('', 'p.yaml')).toMatchObject({ ok: true });
    expect(parseSettingsFile('# nothing\n', 'p.yaml')).toMatchObject({ ok: true });
    const { file } = configured('{"marathon": ["http://m"], "group": "a"}');
    expect((await portolan(['run', '--config', file])).settings?.group).toEqual(['a']);
    const anchored = configured('marathon: &m [http://m]\ngroup: "*"\nssl-certs: *m\n');
    expect((await portolan(['run', '--config', anchored.file])).settings?.sslCerts).toHaveLength(1);
  });

  test('that cannot be read ends with 3', async () => {
    const { code, err } = await portolan(['run', '--config', '/nowhere/p.yaml']);
    expect(code).toBe(3);
    expect(err).toContain('--config /nowhere/p.yaml: cannot be read');
    const folder = temporaryFolder(cleanups);
    mkdirSync(join(folder, 'd'));
    chmodSync(join(folder, 'd'), 0o700);
    expect((await portolan(['run', '--config', join(folder, 'd')])).code).toBe(3);
  });

  test('of the machine is read when it exists', async () => {
    const { file } = configured(yaml('a'));
    const { settings } = await portolan(['run'], { defaultConfig: file });
    expect(settings?.group).toEqual(['a']);
    expect((await portolan(['run'], { defaultConfig: join(file, 'none') })).code).toBe(2);
  });

  test('of the machine need not be readable for those who only ask', async () => {
    const folder = temporaryFolder(cleanups);
    expect((await portolan(['status', '--state-dir', folder], { defaultConfig: folder })).code).toBe(1);
    expect((await portolan(['run'], { defaultConfig: folder })).code).toBe(3);
  });

  test('with settings of other commands does not stop a command', async () => {
    const { folder, file } = configured('admin-bind: 0.0.0.0:9092\nlog-level: nonsense\nstate-dir: s\n');
    const { err } = await portolan(['status', '--config', file]);
    expect(err).toContain(`no Portolan answers on ${folder}/s/admin.sock`);
  });
});

test('a variable that is a slip of the pen is named, others are left alone', async () => {
  const { err, code } = await portolan(['run', '--marathon', 'http://m', '--group', '*'], {
    env: { PORTOLAN_POL_INTERVAL: '5s', PORTOLAN_SERVICE_HOST: '10.0.0.1', PORTOLAN_PORT_9090_TCP_ADDR: 'x' },
  });
  expect(code).toBe(0);
  expect(err).toBe(
    'portolan: PORTOLAN_POL_INTERVAL is no setting and has no effect; did you mean PORTOLAN_POLL_INTERVAL?\n',
  );
});

test('several wrong settings are told at once, each by its source', async () => {
  const { file } = configured('group: "a b"\n');
  const { code, err } = await portolan(['run', '--config', file, '--poll-interval', 'soon'], {
    env: { PORTOLAN_LOG_LEVEL: 'loud' },
  });
  expect(code).toBe(2);
  expect(err.trimEnd().split('\n')).toEqual([
    expect.stringContaining('p.yaml:1: group "a b"'),
    expect.stringContaining('--poll-interval "soon"'),
    expect.stringContaining('PORTOLAN_LOG_LEVEL "loud"'),
  ]);
});
