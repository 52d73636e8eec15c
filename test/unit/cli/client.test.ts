import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import type { Problem } from '../../../src/core/problem.ts';
import { applied, configText, EMPTY, HELD, type Rig, startRig, UP, until, webTable } from '../admin/rig.ts';
import { portolan, temporaryFolder } from './rig.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serving(settings: Record<string, string> = {}): Promise<Rig> {
  const rig = await startRig(settings);
  cleanups.push(rig.close);
  const haproxy = { up: true, version: '2.6.12', workerPid: 7, oldWorkers: 0, mode: 'managed', tier: 'C' } as const;
  rig.emit({ type: 'started', version: '1.2.3', haproxy });
  rig.emit({ type: 'marathon-request', endpoint: 'http://m:8080', op: 'apps', outcome: 'ok', ms: 4, leader: 'm:8080' });
  rig.emit({ type: 'snapshot-taken', snapshot: EMPTY, scope: 'all', ms: 4 });
  rig.emit({ type: 'table-built', table: webTable(), problems: [], ms: 1 });
  rig.emit(applied(3));
  rig.setServers([UP, { ...UP, server: 's2', state: 'down' }]);
  rig.setFiles(3, configText(3));
  return rig;
}

test('routes: a table for people, JSON for programs', async () => {
  const { dir } = await serving();
  const table = await portolan(['routes', '--state-dir', dir]);
  expect(table).toMatchObject({ code: 0, err: '' });
  expect(table.out).toBe(
    'ROUTE        STATE    SERVERS  APP        BACKEND\nweb.example  serving  1/2 up   /prod/web  prod_web_10000\n',
  );
  const json = await portolan(['routes', '--state-dir', dir, '--json']);
  expect(JSON.parse(json.out)).toMatchObject({ routes: [{ route: 'web.example' }] });
});

test('routes with a host name: the exit code says whether it serves', async () => {
  const { dir, setServers } = await serving();
  const serves = await portolan(['routes', 'WEB.example', '--state-dir', dir]);
  expect(serves.code).toBe(0);
  expect(serves.out).toContain('web.example (/prod/web) serves: 1 of 2 servers up.');
  setServers([{ ...UP, state: 'down' }]);
  const down = await portolan(['routes', 'web.example', '--state-dir', dir, '--path', '/x']);
  expect(down.code).toBe(1);
  expect(down.out).toContain('web.example/x (/prod/web) does not serve, NoServerUp: ');
  const unknown = await portolan(['routes', 'none.example', '--state-dir', dir, '--json']);
  expect(unknown.code).toBe(1);
  expect(JSON.parse(unknown.out)).toMatchObject({ status: 404, code: 'NoSuchHost', ready: false });
});

test('routes --wait waits', async () => {
  const { dir, setServers, admin } = await serving();
  setServers([]);
  const ended = portolan(['routes', 'web.example', '--wait', '30s', '--state-dir', dir]);
  await until(() => admin.waiting() === 1, 'the command waits');
  setServers([UP]);
  expect((await ended).code).toBe(0);
});

test('config: what the worker loaded, byte for byte', async () => {
  const { dir } = await serving();
  expect((await portolan(['config', '--state-dir', dir])).out).toBe(configText(3));
  const own = await portolan(['config', '--state-dir', dir, '--app', '/prod/web']);
  expect(own.out).toMatch(/^3 {2}userlist auth\n/);
  const json = await portolan(['config', '--state-dir', dir, '--generation', '3', '--json']);
  expect(JSON.parse(json.out)).toEqual({ generation: 3, config: configText(3) });
  const none = await portolan(['config', '--state-dir', dir, '--generation', '9']);
  expect(none).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Generation 9') });
});

test('status: masters, stream, generations, HAProxy', async () => {
  const { dir } = await serving();
  const { code, out } = await portolan(['status', '--state-dir', dir]);
  expect(code).toBe(0);
  expect(out).toMatch(/^State {2,}ready/m);
  expect(out).toMatch(/^Master {2,}http:\/\/m:8080 ok/m);
  expect(out).toMatch(/^Leader {2,}m:8080$/m);
  expect(out).toMatch(/^Stream {2,}not attached$/m);
  expect(out).toMatch(/^Generation {2,}running 3/m);
  expect(out).toMatch(/^HAProxy {2,}2\.6\.12, managed, worker 7, 0 old workers, tier C$/m);
  expect(out).toMatch(/^Problems {2,}none\n$/m);
  expect(JSON.parse((await portolan(['status', '--state-dir', dir, '--json'])).out)).toMatchObject({
    version: '1.2.3',
  });
});

test('status lists the problems that cost most, and masters that were not needed', async () => {
  const { dir, emit } = await serving({ marathon: 'http://m:8080,http://spare:8080' });
  const problem = (n: number, effect: 'notice' | 'route-refused'): Problem => ({
    code: 'LabelInvalid',
    effect,
    message: `HAPROXY_0_MODE of /app-${n}: "x" is no mode.`,
    origin: { from: 'label', app: `/app-${n}` as AppId, label: 'HAPROXY_0_MODE' },
  });
  const problems = [...Array.from({ length: 11 }, (_, n) => problem(n, 'notice')), problem(99, 'route-refused')];
  emit({ type: 'table-built', table: webTable(), problems, ms: 1 });
  const { out } = await portolan(['status', '--state-dir', dir]);
  expect(out).toMatch(/^Master {2,}http:\/\/spare:8080 not needed so far$/m);
  expect(out).toMatch(/^Problems {2,}12$/m);
  const [first] = out.split('\n').filter((line) => line.includes('HAPROXY_0_MODE'));
  expect(first).toMatch(/^ {2}route-refused {2}HAPROXY_0_MODE of \/app-99/);
  expect(out).toContain('and 2 more: GET /v1/problems');
});

test('status --quiet says by its exit code alone whether the node may get traffic', async () => {
  const { dir, emit } = await serving();
  const ask = () => portolan(['status', '--quiet', '--state-dir', dir]);
  expect(await ask()).toMatchObject({ code: 0, out: '', err: '' });
  emit({ type: 'haproxy-down', reason: 'the master process (pid 7) ended' });
  expect(await ask()).toMatchObject({ code: 1, out: '', err: '' });
  const nobody = temporaryFolder(cleanups as (() => void)[]);
  expect(await portolan(['status', '-q', '--state-dir', nobody])).toMatchObject({ code: 1, out: '', err: '' });
});

test('status tells what is held, and guard accept believes it', async () => {
  const { dir, emit, asked, places } = await serving();
  const accept = (...more: string[]) => portolan(['guard', 'accept', '--state-dir', dir, ...more]);
  expect(await accept()).toMatchObject({ code: 1, err: expect.stringContaining('Nothing is held') });
  emit(HELD);
  const { out } = await portolan(['status', '--state-dir', dir]);
  expect(out).toMatch(/^State {2,}ready, .*shrink-held/m);
  expect(out).toMatch(/^Held {2,}10 of 20 routes.*2026-11-25T10:01:00/m);
  expect(await accept('--admin', places.url)).toMatchObject({ code: 1, err: expect.stringContaining('UNIX socket') });
  expect(asked).toEqual([]);
  expect(await accept()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('accepted') });
  expect(JSON.parse((await accept('--json')).out)).toEqual({ accepted: true });
  expect(asked).toEqual(['accept', 'accept']);
  expect(await portolan(['guard', 'refuse'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('expected accept'),
  });
});

test('--admin asks over TCP, with the token', async () => {
  const folder = temporaryFolder(cleanups as (() => void)[]);
  const token = join(folder, 'token');
  writeFileSync(token, 'secret\n');
  const { places } = await serving({ 'admin-token-file': token });
  const argv = ['status', '--admin', places.url];
  const without = await portolan(argv);
  expect(without).toMatchObject({ code: 1, err: expect.stringContaining('--admin-token-file') });
  expect((await portolan([...argv, '--admin-token-file', token])).code).toBe(0);
  const lost = await portolan([...argv, '--admin-token-file', join(folder, 'none')]);
  expect(lost).toMatchObject({ code: 3, err: expect.stringContaining('cannot be read') });
});

test('without a daemon the error says which socket, and how to start one', async () => {
  const folder = temporaryFolder(cleanups as (() => void)[]);
  for (const argv of [['status'], ['routes'], ['routes', 'a.example'], ['config']]) {
    const { code, err, out } = await portolan([...argv, '--state-dir', folder]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`no Portolan answers on ${folder}/admin.sock`);
    expect(err).toContain('portolan run --marathon URL --group NAME');
  }
  expect(await portolan(['status', '--admin', 'http://127.0.0.1:9'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no Portolan answers at http://127.0.0.1:9'),
  });
});
