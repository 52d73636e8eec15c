import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, type AdminPlaces, createAdmin } from '../../../src/admin/admin.ts';
import { createMetrics, type Metrics } from '../../../src/admin/metrics.ts';
import type { AppId, Instant, Snapshot } from '../../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { Clock, Haproxy, HaproxyFailure, LiveServer, PassCause } from '../../../src/core/ports.ts';
import { reduce } from '../../../src/core/reduce.ts';
import { fail, ok } from '../../../src/core/result.ts';
import type { BackendName, RoutingTable } from '../../../src/core/routing.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { mergeSettings } from '../../../src/core/settings-merge.ts';
import { initialState, type State } from '../../../src/core/state.ts';

const WEB = '/prod/web' as AppId;
export const HASH = '$6$salt$verysecrethash';

/** haproxy.cfg of one app on one host, with the number of its generation. */
export function configText(generation: number): string {
  return [
    'global',
    `  setenv PORTOLAN_GENERATION ${generation}`,
    'userlist auth',
    `  user joe password ${HASH}`,
    'backend prod_web_10000',
    '  server s1 127.0.0.1:31000 id 1',
    '',
  ].join('\n');
}

/** What routes web.example to /prod/web. */
export function webConfig(digest = 'd1'): RenderedConfig {
  return {
    files: new Map([
      ['haproxy.cfg', configText(0)],
      ['maps/hosts.map', 'web.example prod_web_10000\n'],
    ]),
    owners: [
      { from: 1, to: 2, origin: { from: 'default' }, section: 'global' },
      { from: 3, to: 6, origin: { from: 'app', app: WEB }, section: 'backend prod_web_10000' },
    ],
    digest,
  };
}

/** A routing table with web.example. */
export function webTable(): RoutingTable {
  const backend = 'prod_web_10000' as BackendName;
  const origin = { from: 'app', app: WEB } as const;
  return {
    services: [],
    routes: [{ match: 'host', host: 'web.example', ignoreCase: false, backend, app: WEB, portIndex: 0, origin }],
    appIds: [],
    backends: [],
  };
}

const CAUSE: PassCause = { reasons: ['api_post_event'], scope: [WEB], since: 0 as Instant };
export const UP: LiveServer = {
  backend: 'prod_web_10000',
  server: 's1',
  address: '127.0.0.1',
  port: 31000,
  state: 'up',
};

/** An `applied` event for a configuration. */
export function applied(generation: number, config = webConfig()): DaemonEventBody {
  return {
    type: 'applied',
    generation: generation as Generation,
    config,
    plan: { reload: [{ because: 'section-added', section: 'backend prod_web_10000' }] },
    cause: CAUSE,
    via: 'reload',
    reloadMs: 20,
    sinceCauseMs: 87,
    changes: [{ change: 'route-added', app: WEB, what: 'web.example' }],
  };
}

/** An answer without ten of twenty routes, which is held. */
export const HELD: DaemonEventBody = {
  type: 'shrink-held',
  again: false,
  hold: {
    since: Date.parse('2026-11-25T10:00:00Z') as Instant,
    until: Date.parse('2026-11-25T10:01:00Z') as Instant,
    lost: 10,
    of: 20,
    apps: [WEB],
    appCount: 1,
    answers: 1,
    because: 'share',
  },
};

/** An empty cluster, as read. */
export const EMPTY: Snapshot = { takenAt: 0 as Instant, apps: [] };

/** Real time; the waits of these tests are short. */
const clock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done, { once: true });
    }),
};

/** An admin API on a scripted state and HAProxy. */
export interface Rig {
  readonly admin: Admin;
  /** `url` is empty where somebody else has the address. */
  readonly places: Required<AdminPlaces>;
  readonly state: () => State;
  readonly metrics: Metrics;
  readonly dir: string;
  readonly asked: string[];
  emit(body: DaemonEventBody): void;
  setClaims(claims: ReadonlyMap<string, AppId>): void;
  setServers(servers: readonly LiveServer[] | HaproxyFailure): void;
  setFiles(generation: number, text: string): void;
  /** How often HAProxy's servers were read. */
  reads(): number;
  listeners(): number;
  close(): Promise<void>;
}

/** Starts it; `settings` as flags would give them. */
export async function startRig(settings: Record<string, string> = {}): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'adm-'));
  const flags = { 'state-dir': dir, 'admin-bind': '127.0.0.1:0', group: '*', marathon: 'http://m:8080', ...settings };
  const merged = mergeSettings({
    flags: new Map(Object.entries(flags).map(([flag, value]) => [flag, { value, at: flag }])),
    env: new Map(),
    file: new Map(),
  });
  if (!merged.ok) throw new Error(JSON.stringify(merged.failure));
  return assemble(dir, merged.value);
}

async function assemble(dir: string, settings: Settings): Promise<Rig> {
  let state: State = initialState('1.2.3', settings, Date.now());
  let servers: readonly LiveServer[] | HaproxyFailure = [];
  let reads = 0;
  let claims: ReadonlyMap<string, AppId> = new Map();
  const files = new Map<number | undefined, string>();
  const listeners = new Set<() => void>();
  const asked: string[] = [];
  const metrics = createMetrics({ version: '1.2.3', endpoints: settings.marathon });
  const haproxy: Pick<Haproxy, 'servers' | 'files'> = {
    servers: async () => {
      reads++;
      return 'kind' in servers ? fail(servers) : ok(servers);
    },
    files: async (generation) => {
      const text = files.get(generation);
      if (text === undefined) return fail({ kind: 'not-running', detail: 'no such generation' });
      return ok(new Map([['haproxy.cfg', text]]));
    },
  };
  const emit = (body: DaemonEventBody): void => {
    const event = { at: Date.now(), ...body };
    metrics.observe(event);
    state = reduce(state, event);
    for (const listener of [...listeners]) listener();
  };
  const admin = createAdmin({
    version: '1.2.3',
    getState: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    haproxy,
    claims: () => claims,
    control: {
      requestPass: (reason) => void asked.push(`pass ${reason}`),
      acceptShrink: () => state.guard !== undefined && asked.push('accept') > 0,
      setLogLevel: (level) => level === 'debug' && asked.push(`level ${level}`) > 0,
    },
    settings,
    metrics,
    clock,
    ownNames: ['edge1'],
    emit,
    retryMs: 50,
  });
  const started = await admin.start();
  if (!started.ok) throw new Error(started.failure.detail);
  return {
    admin,
    places: { url: '', ...started.value },
    metrics,
    dir,
    asked,
    emit,
    state: () => state,
    setClaims: (next) => {
      claims = next;
    },
    setServers: (next) => {
      servers = next;
    },
    setFiles: (generation, text) => {
      files.set(generation, text);
      files.set(undefined, text);
    },
    reads: () => reads,
    listeners: () => listeners.size,
    async close() {
      await admin.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  json(): Record<string, unknown>;
}

/** One real HTTP request, to a URL or a UNIX socket; `signal` lets the client go away. */
export function ask(
  place: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal } = {},
): Promise<Answer> {
  const where = place.startsWith('/')
    ? { socketPath: place }
    : { hostname: new URL(place).hostname.replace(/[[\]]/g, ''), port: new URL(place).port };
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body, signal } = options;
    const sent = request(
      { ...where, path, method, headers, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Waits until something holds; fails after two seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 2000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
