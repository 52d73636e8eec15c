import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { portolan, temporaryFolder } from './rig.ts';

const run = promisify(execFile);
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const task = (host: string) => ({
  id: `web.${host}`,
  host,
  ports: [31000],
  version: '2026-11-25T00:00:00.000Z',
  state: 'TASK_RUNNING',
});
const app = (id: string, labels: Record<string, string>, hosts: readonly string[] = ['10.0.0.1']) => ({
  id,
  version: '2026-11-25T00:00:00.000Z',
  instances: hosts.length,
  labels,
  portDefinitions: [{ port: 10000 + id.length, protocol: 'tcp' }],
  tasks: hosts.map(task),
});
const APPS = {
  apps: [
    app('/web', { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'web.example' }),
    app('/inner', { HAPROXY_GROUP: 'internal', HAPROXY_0_VHOST: 'inner.example', HAPROXY_0_MODE: 'quantum' }),
    app('/named', { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'named.example' }, [
      'agent-1.example',
      'agent-2.example',
    ]),
  ],
};

function saved(json: unknown = APPS): { readonly folder: string; readonly file: string; readonly out: string } {
  const folder = temporaryFolder(cleanups);
  const file = join(folder, 'apps.json');
  writeFileSync(file, typeof json === 'string' ? json : JSON.stringify(json));
  return { folder, file, out: join(folder, 'out') };
}

/** What HAProxy says of the folder, from within it. */
async function check(out: string): Promise<string> {
  const { stdout, stderr } = await run('/usr/sbin/haproxy', ['-c', '-f', 'haproxy.cfg'], { cwd: out });
  return stdout + stderr;
}

const PORTS = ['--http-bind', '127.0.0.1:23080', '--https-bind', '127.0.0.1:23443', '--appid-bind', '127.0.0.1:23091'];

test('makes a folder that HAProxy loads from within, self-signed certificate included', async () => {
  const { file, out } = saved();
  const asked: string[] = [];
  const ended = await portolan(['render', '--apps', file, '--output', out, ...PORTS], {
    resolveHost: async (host) => {
      asked.push(host);
      return host === 'agent-1.example' ? '10.0.0.9' : undefined;
    },
  });
  expect(ended).toMatchObject({ code: 0, out: '' });
  expect(ended.err).toContain('3 apps, 3 routes');
  expect(ended.err).toContain(join(out, 'haproxy.cfg'));
  expect(asked.sort()).toEqual(['agent-1.example', 'agent-2.example']);

  const cfg = readFileSync(join(out, 'haproxy.cfg'), 'utf8');
  expect(cfg).toContain('10.0.0.9:31000');
  expect(cfg).not.toContain('agent-2.example:');
  expect(cfg).not.toContain(out);
  expect(readFileSync(join(out, 'maps/hosts.map'), 'utf8')).toContain('web.example ');
  expect(readFileSync(join(out, 'certificates.list'), 'utf8')).toMatch(/^certificates\/self-signed\.pem/m);
  expect(statSync(join(out, 'certificates/self-signed.pem')).mode & 0o077).toBe(0);
  const problems = JSON.parse(readFileSync(join(out, 'problems.json'), 'utf8')) as { code: string }[];
  expect(problems.map((problem) => problem.code)).toEqual(expect.arrayContaining(['HostUnresolvable', 'LabelInvalid']));
  expect(await check(out)).not.toMatch(/ALERT/);
});

test('twice gives the same bytes', async () => {
  const { file, out } = saved();
  const once = async () => {
    expect((await portolan(['render', '--apps', file, '--output', out])).code).toBe(0);
    return ['haproxy.cfg', 'maps/hosts.map', 'certificates/self-signed.pem'].map((name) =>
      readFileSync(join(out, name), 'utf8'),
    );
  };
  expect(await once()).toEqual(await once());
});

test('takes the routing flags, from file and environment too', async () => {
  const { file, out, folder } = saved();
  writeFileSync(join(folder, 'p.yaml'), 'group: external\nadmin-bind: nonsense\n');
  const argv = ['render', '--apps', file, '--output', out, '--config', join(folder, 'p.yaml'), '--appid-bind', 'off'];
  const { code } = await portolan(argv, { env: { PORTOLAN_HTTPS_BIND: 'off' } });
  expect(code).toBe(0);
  const cfg = readFileSync(join(out, 'haproxy.cfg'), 'utf8');
  expect(cfg).not.toMatch(/frontend marathon_https_in|:9091/);
  expect(readFileSync(join(out, 'maps/hosts.map'), 'utf8')).not.toContain('inner.example');
  expect(existsSync(join(out, 'certificates/self-signed.pem'))).toBe(false);
  expect(await check(out)).not.toMatch(/ALERT/);
});

describe('what it cannot read or use', () => {
  test.each([
    ['{"apps": [', 'cannot be read'],
    ['', 'cannot be read'],
    ['<html>', 'cannot be read'],
    ['{}', 'no list of apps'],
    ['{"apps": [1, 2]}', 'is an app'],
    ['null', 'no list of apps'],
  ])('apps %j: exit 3, nothing written', async (text, complaint) => {
    const { file, out } = saved(text);
    const { code, err } = await portolan(['render', '--apps', file, '--output', out]);
    expect(code).toBe(3);
    expect(err).toContain(`--apps ${file}`);
    expect(err).toContain(complaint);
    expect(err).toContain('/v2/apps?embed=apps.tasks');
    expect(existsSync(out)).toBe(false);
  });

  test('a file that is not there: exit 3', async () => {
    const { folder, out } = saved();
    const { code, err } = await portolan(['render', '--apps', join(folder, 'none.json'), '--output', out]);
    expect([code, err]).toEqual([3, expect.stringContaining('ENOENT')]);
  });

  test('no --apps, or a wrong flag: exit 2', async () => {
    const { file, out } = saved();
    expect((await portolan(['render', '--output', out])).code).toBe(2);
    const wrong = await portolan(['render', '--apps', file, '--output', out, '--http-bind', 'x']);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--http-bind "x"')]);
    expect((await portolan(['render', '--apps', file, '--output', out, '--marathon', 'http://m'])).code).toBe(2);
  });

  test('a folder that cannot be written: exit 1', async () => {
    const { file } = saved();
    const { code, err } = await portolan(['render', '--apps', file, '--output', '/dev/null/out']);
    expect([code, err]).toEqual([1, expect.stringContaining('--output /dev/null/out: cannot be written')]);
  });

  test('a broken template: exit 2 with file and line; a missing folder: exit 3', async () => {
    const { file, out, folder } = saved();
    writeFileSync(join(folder, 'global.hbs'), 'global\n  {{#if}}\n');
    const argv = ['render', '--apps', file, '--output', out, '--templates'];
    const broken = await portolan([...argv, folder]);
    expect(broken.code).toBe(2);
    expect(broken.err).toMatch(/global\.hbs:\d+: /);
    expect((await portolan([...argv, join(folder, 'none')])).code).toBe(3);
  });

  test('a certificate that is none is named, and the self-signed one stands in', async () => {
    const { file, out, folder } = saved();
    writeFileSync(join(folder, 'bad.pem'), 'not a certificate');
    const argv = ['render', '--apps', file, '--output', out, '--ssl-certs', join(folder, 'bad.pem')];
    const { code, err } = await portolan(argv);
    expect(code).toBe(0);
    expect(err).toContain(`--ssl-certs ${join(folder, 'bad.pem')}: `);
    expect(await check(out)).not.toMatch(/ALERT/);
  });
});

test('an empty cluster renders, too', async () => {
  const { file, out } = saved({ apps: [] });
  const { code, err } = await portolan(['render', '--apps', file, '--output', out]);
  expect([code, err]).toEqual([0, expect.stringContaining('0 apps, 0 routes')]);
  expect(readFileSync(join(out, 'problems.json'), 'utf8')).toBe('[]\n');
  expect(await check(out)).not.toMatch(/ALERT/);
});
