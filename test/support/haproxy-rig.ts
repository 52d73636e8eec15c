import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instant } from '../../src/core/app.ts';
import { GENERATION_LINE, type Generation, type RenderedConfig } from '../../src/core/config.ts';
import type { DaemonEventBody } from '../../src/core/events.ts';
import type { ApplyResult, Clock, Haproxy } from '../../src/core/ports.ts';
import { createHaproxy } from '../../src/haproxy/adapter.ts';
import { type StatePaths, statePaths } from '../../src/haproxy/paths.ts';
import { findByMasterSocket, signalAll, waitUntilGone } from '../../src/haproxy/processes.ts';
import type { Timings } from '../../src/haproxy/timings.ts';

/** The HAProxy that tests drive: `HAPROXY` of the environment, else the one on PATH. */
export const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';

/** The machine's time. */
export const realClock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
};

/** Ports that nobody listens on, from a range of the test's own: outside the range of outgoing connections. */
export function portsFrom(first: number): () => Promise<number> {
  let next = first;
  return async () => {
    for (;;) {
      const port = next;
      next += 1;
      if (await canListen(port)) return port;
    }
  };
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createTcpServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A server that answers its own name. */
export interface NamedServer {
  readonly port: number;
  /** Requests answered so far. */
  answered(): number;
  close(): Promise<void>;
}

/** Starts a server on 127.0.0.1 that answers `name` to everything. */
export async function startNamedServer(name: string, port = 0): Promise<NamedServer> {
  let answered = 0;
  const server: Server = createServer((_request, response) => {
    answered += 1;
    response.end(name);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    answered: () => answered,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a test's configuration says. */
interface RigConfig {
  /** Where the frontend listens; all on 127.0.0.1. */
  readonly ports: readonly number[];
  /** `server` lines of the only backend, e.g. `s1 127.0.0.1:8080 check`. */
  readonly servers: readonly string[];
  /** Header `x-config` of every answer: tells configurations apart from outside. */
  readonly name?: string;
  /** Further lines of the frontend. */
  readonly frontend?: readonly string[];
}

/** A state directory of its own with everything that belongs to it. */
export interface HaproxyRig {
  readonly paths: StatePaths;
  /** Everything that adapters of this rig emitted. */
  readonly events: DaemonEventBody[];
  /** A new adapter on the same state directory; not started. */
  adapter(options?: { mode?: 'managed' | 'external'; timings?: Partial<Timings>; keep?: number }): Haproxy;
  /** A configuration with everything that one of Portolan has in its `global` and `defaults`. */
  config(config: RigConfig): RenderedConfig;
  /** Validates and applies; throws when it is not valid. */
  apply(haproxy: Haproxy, config: RenderedConfig): Promise<ApplyResult>;
  /** Pids of all masters and workers of this state directory. */
  pids(): Promise<readonly number[]>;
  /** Ends every adapter and HAProxy and removes the directory. */
  cleanup(): Promise<void>;
}

/** Makes a state directory below the system's temporary one: UNIX socket paths must be short. */
export async function createHaproxyRig(): Promise<HaproxyRig> {
  const stateDir = await mkdtemp(join(tmpdir(), 'pt-'));
  const paths = statePaths(stateDir);
  const events: DaemonEventBody[] = [];
  const adapters: Haproxy[] = [];

  function adapter(
    options: { mode?: 'managed' | 'external'; timings?: Partial<Timings>; keep?: number } = {},
  ): Haproxy {
    const haproxy = createHaproxy({
      settings: {
        stateDir,
        haproxy: HAPROXY,
        haproxyMode: options.mode ?? 'managed',
        keepGenerations: options.keep ?? 5,
      },
      clock: realClock,
      emit: (event) => events.push(event),
      timings: { drain: 2_000, terminate: 2_000, ...options.timings },
    });
    adapters.push(haproxy);
    return haproxy;
  }

  async function cleanup(): Promise<void> {
    for (const each of adapters) await each.stop('keep');
    const left = await findByMasterSocket(paths.masterSocket);
    await signalAll(left, 'SIGKILL');
    await waitUntilGone(left, 5_000, realClock, 20);
    await rm(stateDir, { recursive: true, force: true });
  }

  await mkdir(paths.run, { recursive: true });
  return {
    paths,
    events,
    adapter,
    cleanup,
    config: (config) => renderRigConfig(paths, config),
    pids: async () => (await findByMasterSocket(paths.masterSocket)).map(({ pid }) => pid),
    apply: async (haproxy, config) => {
      const candidate = await haproxy.validate(config, 'test', new AbortController().signal);
      if (!candidate.ok) throw new Error(`not valid: ${JSON.stringify(candidate.failure)}`);
      return haproxy.apply(candidate.value);
    },
  };
}

/** The number of an applied result; throws on any other outcome. */
export function generationOf(result: ApplyResult): Generation {
  if (result.kind !== 'applied') throw new Error(`not applied: ${JSON.stringify(result)}`);
  return result.generation;
}

function renderRigConfig(paths: StatePaths, config: RigConfig): RenderedConfig {
  const lines = [
    'global',
    `  stats socket ${paths.runtimeSocket} mode 600 level admin expose-fd listeners`,
    `  ${GENERATION_LINE}`,
    '  noreuseport',
    '  hard-stop-after 10s',
    '  mworker-max-reloads 10',
    `  server-state-file ${paths.serverState}`,
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 10s',
    '  timeout server 10s',
    '  timeout http-keep-alive 1s',
    '  option idle-close-on-response',
    '  retries 3',
    '  option redispatch 1',
    '  load-server-state-from-file global',
    'frontend main',
    ...config.ports.map((port) => `  bind 127.0.0.1:${port}`),
    `  http-after-response set-header x-config ${config.name ?? 'unnamed'}`,
    ...(config.frontend ?? []).map((line) => `  ${line}`),
    '  use_backend %[req.hdr(host),map_str(maps/hosts.map,servers)]',
    'backend servers',
    ...config.servers.map((server) => `  server ${server}`),
    '',
  ];
  const files = new Map([
    ['haproxy.cfg', lines.join('\n')],
    ['maps/hosts.map', 'named.example servers\n'],
  ]);
  const digest = createHash('sha256')
    .update(JSON.stringify([...files]))
    .digest('hex');
  const owners = [{ from: 1, to: lines.length, origin: { from: 'default' as const }, section: 'all' }];
  return { files, owners, digest };
}
