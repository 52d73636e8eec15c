import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
function daemon(templates: string, adminPort = ADMIN, onStop: 'keep' | 'drain' = 'keep') {
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
    'admin-bind': `127.0.0.1:${adminPort}`,
    haproxy: process.env['HAPROXY'] ?? 'haproxy',
    'on-stop': onStop,
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

test('nothing is made of what was read before the admin socket is its own', async () => {
  const first = daemon(TEMPLATES);
  await served();
  const before = await haproxies();
  const second = daemon(TEMPLATES, OTHER_ADMIN, 'drain');
  const ended = await second.ended;
  expect(ended).toMatchObject({ ok: false, failure: { kind: 'failed' } });
  expect(JSON.stringify(ended)).toContain('another Portolan serves this state folder');
  expect(second.events.filter(({ type }) => type === 'pass-started' || type === 'haproxy-up')).toEqual([]);
  expect(await haproxies()).toEqual(before);
  expect(await answer()).toBe(503);
  first.end();
  expect((await first.ended).ok).toBe(true);
});

test('of two that start at the same moment one serves, and the other leaves everything as it is', async () => {
  const both = [daemon(TEMPLATES, ADMIN, 'keep'), daemon(TEMPLATES, OTHER_ADMIN, 'drain')];
  const first = await Promise.race(both.map(async (one) => ({ one, result: await one.ended })));
  expect(JSON.stringify(first.result)).toContain('another Portolan serves this state folder');
  expect(first.one.events.filter(({ type }) => type === 'table-built' || type === 'applied')).toEqual([]);
  await served();
  expect(await haproxies()).not.toEqual([]);
});
