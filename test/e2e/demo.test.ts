import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { until } from '../support/portolan-process.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** `npm run demo` as a newcomer types it, in a process group of its own, up to its last line of help. */
async function startDemo() {
  const npm = spawn('npm', ['run', 'demo'], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let shown = '';
  npm.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  npm.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  const exited = once(npm, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await until(
    'the demo shows what to try',
    () => {
      if (npm.exitCode !== null) throw new Error(`the demo ended with ${npm.exitCode}:\n${shown}`);
      return shown.includes('Ctrl-C ends the demo.');
    },
    120_000,
  );
  const stateDir = /\/tmp\/portolan-demo-\w+/.exec(await commandLines())?.[0] ?? '';
  const demo = { npm, exited, stateDir, shown: () => shown };
  cleanups.push(async () => {
    if (npm.exitCode === null && npm.signalCode === null && npm.pid !== undefined) process.kill(-npm.pid, 'SIGTERM');
    await exited;
  });
  return demo;
}

/** Command lines of all processes, one a line. */
async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.replaceAll('\0', ' ')).join('\n');
}

/** The lines that the demo offers to type, in its order. */
function linesToTry(shown: string): readonly string[] {
  const guide = shown.slice(shown.indexOf('Try, in another terminal'), shown.indexOf('Changes appear below'));
  return guide
    .split('\n')
    .filter((line) => line.startsWith('  ') && !line.startsWith('  #'))
    .map((line) => line.trim());
}

/** Types one line into a shell; what it printed, also when it ended with an error. */
async function type(line: string | undefined): Promise<string> {
  if (line === undefined) throw new Error('the demo shows fewer lines than this test knows');
  return run('bash', ['-c', line]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

/** A connection that was greeted; undefined when nobody answers. */
function greeted(port: number): Promise<Socket | undefined> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => done(undefined)).on('close', () => done(undefined));
    socket.once('data', () => done(socket));
  });
}

const tasksIn = (text: string) => new Set(text.match(/task \S+/g));

test('every address and line that the demo prints does what it says, and npm’s end is the demo’s', async () => {
  const { npm, exited, stateDir, shown } = await startDemo();
  const addresses = [...shown().matchAll(/^ {2}(http:\/\/\S+)/gm)].map(([, url]) => url ?? '');
  expect(addresses).toHaveLength(5);
  for (const url of addresses) {
    const host = new URL(url).host;
    const code = await type(`curl -s -o /dev/null -w '%{http_code}' --resolve '${host}:127.0.0.1' '${url}'`);
    expect([url, code]).toEqual([url, '200']);
  }

  const [site, post, wait, hello, scale, rotate, remove, after, forgotten, tcp, refuse, still, back, ...more] =
    linesToTry(shown());
  expect(more).toEqual([]);
  await until('both tasks of the site answer', async () => tasksIn(await type(site)).size === 2);
  expect(JSON.parse(await type(post))).toMatchObject({ id: '/demo/hello' });
  expect(JSON.parse(await type(wait))).toMatchObject({ ready: true });
  expect(await type(hello)).toContain('/demo/hello on ');
  expect(JSON.parse(await type(scale))).toHaveProperty('deploymentId');
  expect(tasksIn(await type(rotate)).size).toBe(6);
  expect(JSON.parse(await type(remove))).toHaveProperty('deploymentId');
  expect(await type(after)).toContain('503');
  expect(JSON.parse(await type(forgotten))).toMatchObject({ status: 404, code: 'NoSuchHost' });
  expect(await type(tcp)).toMatch(/of \/demo\/echo on .*\nping\n$/);
  expect(JSON.parse(await type(refuse))).toEqual({ ok: true });
  expect(await type(still)).toContain('/demo/site on ');
  expect(JSON.parse(await type(back))).toEqual({ ok: true });
  expect(shown()).toMatch(/^\+ route hello\.demo\.localhost of \/demo\/hello \(.+ ms from event to traffic\)$/m);

  npm.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(shown()).toContain('Everything is stopped.');
  expect(await commandLines()).not.toContain(stateDir);
});

test('a connection that stays open holds up the end until the second Ctrl-C', async () => {
  const { npm, exited, stateDir, shown } = await startDemo();
  const port = Number(/\/dev\/tcp\/127\.0\.0\.1\/(\d+)/.exec(shown())?.[1]);
  const held = await until('the TCP service greets', () => greeted(port));
  const group = npm.pid ?? 0;
  // As a terminal does: to the whole group, so that npm passes on what the demo got, too.
  process.kill(-group, 'SIGINT');
  await until('the demo is stopping', () => shown().includes('Stopping;'));
  await until(
    'the ports are closed',
    () =>
      new Promise<boolean>((done) => {
        const again = connect({ host: '127.0.0.1', port });
        again.once('connect', () => done(false)).once('error', () => done(true));
        again.once('connect', () => again.destroy());
      }),
  );
  expect(npm.exitCode).toBeNull();
  expect(held.closed).toBe(false);
  const closed = once(held, 'close');
  // One that comes too soon after the first is taken for its echo.
  await until('the second one counts', () => {
    try {
      process.kill(-group, 'SIGINT');
    } catch {
      return true;
    }
    return held.closed;
  });
  await Promise.all([closed, exited]);
  expect(shown()).toContain('Everything is stopped.');
  expect(await commandLines()).not.toContain(stateDir);
});
