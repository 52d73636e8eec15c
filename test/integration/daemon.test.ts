import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runDaemon } from '../../src/cli/daemon.ts';
import type { Instant } from '../../src/core/app.ts';
import type { DaemonEvent } from '../../src/core/events.ts';
import { mergeSettings } from '../../src/core/settings-merge.ts';
import { statePaths } from '../../src/haproxy/paths.ts';
import { findByMasterSocket, signalAll } from '../../src/haproxy/processes.ts';
import { get, until } from '../support/portolan-process.ts';

const [HTTP, STATS, ADMIN, OTHER_ADMIN] = [31_940, 31_941, 31_942, 31_943];
const TEMPLATES = resolve(import.meta.dirname, '../../templates');
let stateDir = '';
const endings: AbortController[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'ptl-'));
  writeFileSync(join(stateDir, 'apps.json'), JSON.stringify({ apps: [app] }));
});

afterEach(async () => {
  for (const ending of endings.splice(0)) ending.abort();
  await endHaproxy();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Its one task is nobody: HAProxy itself answers for it, with 503. */
const app = {
  id: '/app',
  version: '2026-01-01T00:00:00.000Z',
  instances: 1,
  labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'app.example' },
  portDefinitions: [{ port: 10_000, protocol: 'tcp' }],
  tasks: [{ id: 'app.task', appId: '/app', host: '127.0.0.1', ports: [1], state: 'TASK_RUNNING' }],
};

/** The daemon in this process, as `run` starts it, and what it told. */
function daemon(
  templates: string,
  more: { adminPort?: number; onStop?: 'keep' | 'drain'; hear?: (event: DaemonEvent) => void } = {},
) {
  const ending = new AbortController();
  endings.push(ending);
  const events: DaemonEvent[] = [];
  const flags = {
    apps: join(stateDir, 'apps.json'),
    group: ['external'],
    'state-dir': stateDir,
    'http-bind': `127.0.0.1:${HTTP}`,
    'https-bind': 'off',
    'appid-bind': 'off',
    'stats-bind': `127.0.0.1:${STATS}`,
    'admin-bind': `127.0.0.1:${more.adminPort ?? ADMIN}`,
    haproxy: process.env['HAPROXY'] ?? 'haproxy',
    'on-stop': more.onStop ?? 'keep',
  };
  const raw = new Map(Object.entries(flags).map(([flag, value]) => [flag, { value, at: `--${flag}` }]));
  const settings = mergeSettings({ flags: raw, env: new Map(), file: new Map() });
  if (!settings.ok) throw new Error(JSON.stringify(settings.failure));
  const ended = runDaemon(settings.value, {
    version: '1.2.3',
    clock: {
      now: () => Date.now() as Instant,
      sleep: (ms, signal) =>
        new Promise((done) => {
          if (signal.aborted) return done();
          const timer = setTimeout(done, ms);
          signal.addEventListener('abort', () => done(clearTimeout(timer)), { once: true });
        }),
    },
    random: Math.random,
    write: () => undefined,
    terminal: { pretty: false, colour: false },
    templates,
    signal: ending.signal,
    listener: (event) => {
      events.push(event);
      more.hear?.(event);
    },
  });
  return { ended, events, end: () => ending.abort() };
}

const haproxies = () => findByMasterSocket(statePaths(stateDir).masterSocket);

async function endHaproxy(): Promise<void> {
  await signalAll(await haproxies(), 'SIGKILL');
  await until('HAProxy is gone', async () => (await haproxies()).length === 0);
}

const answer = async () => (await get(HTTP, '/', { host: 'app.example' })).status;
const served = () => until('the app is answered for', async () => (await answer()) === 503);

async function leaveGeneration(): Promise<void> {
  const first = daemon(TEMPLATES);
  await served();
  first.end();
  expect((await first.ended).ok).toBe(true);
  await endHaproxy();
}

test('what is on disk is served before templates are looked at, and also where they cannot be read', async () => {
  await leaveGeneration();
  const ended = await daemon(join(stateDir, 'nowhere')).ended;
  expect(ended).toMatchObject({ ok: false, failure: { kind: 'failed' } });
  expect(await answer()).toBe(503);
});

test('one whose folder is served already does nothing to that HAProxy, whatever it is told to do at its end', async () => {
  const first = daemon(TEMPLATES);
  await served();
  const before = await haproxies();
  const second = daemon(TEMPLATES, { adminPort: OTHER_ADMIN, onStop: 'drain' });
  const ended = await second.ended;
  expect(ended).toMatchObject({ ok: false, failure: { kind: 'failed' } });
  expect(JSON.stringify(ended)).toContain('another Portolan serves this state folder');
  expect(second.events.filter(({ type }) => type === 'pass-started' || type === 'haproxy-up')).toEqual([]);
  expect(await haproxies()).toEqual(before);
  expect(await answer()).toBe(503);
  first.end();
  expect((await first.ended).ok).toBe(true);
});

test('nothing is made of what was read before the admin socket is its own', async () => {
  const other = createServer();
  // Another one that was a little faster: the folder was nobody's when this one looked.
  const second = daemon(TEMPLATES, {
    hear: ({ type }) => {
      if (type === 'started') other.listen(join(stateDir, 'admin.sock'));
    },
  });
  const ended = await second.ended;
  other.close();
  expect(JSON.stringify(ended)).toContain('another Portolan serves this state folder');
  expect(second.events.map(({ type }) => type)).toContain('pass-started');
  expect(second.events.filter(({ type }) => type === 'table-built' || type === 'applied')).toEqual([]);
  expect(await haproxies()).toEqual([]);
});
