import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A real `portolan run` in a process of its own, on ports of its own. */
export interface PortolanProcess {
  readonly stateDir: string;
  readonly ports: PortolanPorts;
  /** Flags it was started with, for starting it again the same way. */
  readonly flags: readonly string[];
  /** Starts (again) with the same flags and state. Resolves once the admin API answers. */
  start(): Promise<void>;
  /** SIGKILL, as a crash is. HAProxy is not touched. */
  crash(): Promise<void>;
  /** SIGTERM and wait for the end. Gives the exit code. */
  stop(): Promise<number | null>;
  /** Ends everything, HAProxy too, and removes the state. */
  destroy(): Promise<void>;
  /** GET on the admin API; JSON where it is JSON. */
  admin(path: string): Promise<{ status: number; body: unknown; text: string }>;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  readonly pid: number | undefined;
}

/** Ports of one instance, all on 127.0.0.1. */
export interface PortolanPorts {
  readonly http: number;
  readonly https: number;
  readonly appid: number;
  readonly stats: number;
  readonly admin: number;
}

/** Five ports from `first` on. */
export function portsFrom(first: number): PortolanPorts {
  return { http: first, https: first + 1, appid: first + 2, stats: first + 3, admin: first + 4 };
}

/** Waits until `check` gives something else than false or undefined; fails with `what` after `ms`. */
export async function until<T>(
  what: string,
  check: () => Promise<T | false | undefined> | T | false | undefined,
  ms = 15_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const seen = await check();
    if (seen !== false && seen !== undefined) return seen as T;
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

/** One HTTP GET on a fresh connection to loopback. Never throws: a transport error is status 0. */
export function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((done) => {
    const failed = (error: Error) => done({ status: 0, text: String(error), headers: {} });
    const req = request(
      { host: '127.0.0.1', port, path, headers: { connection: 'close', ...headers }, agent: false, timeout: 130_000 },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (c: Buffer) => chunks.push(c));
        res.on('end', () =>
          done({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8'), headers: res.headers }),
        );
        res.on('error', failed);
      },
    );
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', failed);
    req.end();
  });
}

/**
 * Prepares an instance; `start()` runs it. `extra` are flags such as `--marathon http://127.0.0.1:8080`. `how`: a
 * launcher of what was built from the source, more environment, and what to put before the command, asked for at the first start.
 */
export async function createPortolan(
  firstPort: number,
  extra: readonly string[],
  how: {
    readonly launcher?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly within?: (stateDir: string) => Promise<readonly string[]>;
  } = {},
): Promise<PortolanProcess> {
  const stateDir = await mkdtemp(join(tmpdir(), 'ptl-'));
  const ports = portsFrom(firstPort);
  const flags = [
    'run',
    '--state-dir',
    stateDir,
    '--config',
    '/dev/null',
    '--http-bind',
    `127.0.0.1:${ports.http}`,
    '--https-bind',
    `127.0.0.1:${ports.https}`,
    '--appid-bind',
    `127.0.0.1:${ports.appid}`,
    '--stats-bind',
    `127.0.0.1:${ports.stats}`,
    '--admin-bind',
    `127.0.0.1:${ports.admin}`,
    '--haproxy',
    process.env['HAPROXY'] ?? 'haproxy',
    ...extra,
  ];
  // From its source, a busy machine takes ten seconds to start it: long runs play what is shipped.
  const built = how.launcher ?? process.env['PORTOLAN_LAUNCHER'];
  const launcher =
    built === undefined ? [process.execPath, resolve(import.meta.dirname, '../../src/main.ts')] : [built];
  let within: readonly string[] | undefined;
  let child: ChildProcess | undefined;
  let output = '';

  const admin = async (path: string) => {
    const answer = await get(ports.admin, path);
    let body: unknown;
    try {
      body = JSON.parse(answer.text);
    } catch {
      body = answer.text;
    }
    return { status: answer.status, body, text: answer.text };
  };
  const exited = (c: ChildProcess) =>
    new Promise<number | null>((done) =>
      c.exitCode !== null || c.signalCode !== null ? done(c.exitCode) : c.once('exit', (code) => done(code)),
    );

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const running = child;
    if (running === undefined) return null;
    running.kill(signal);
    const code = await exited(running);
    child = undefined;
    return code;
  };
  const killHaproxy = async () => {
    // HAProxy outlives Portolan by design, so a test has to end it itself: every process that has this state dir in its command line.
    const { readdir } = await import('node:fs/promises');
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.includes(stateDir)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It went by itself.
        }
      }
    }
  };

  return {
    stateDir,
    ports,
    flags,
    start: async () => {
      within ??= (await how.within?.(stateDir)) ?? [];
      const [command = '', ...first] = [...within, ...launcher];
      child = spawn(command, [...first, ...flags], {
        env: { ...process.env, ...how.env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      const started = child;
      started.stdout?.on('data', (c: Buffer) => (output += c.toString('utf8')));
      started.stderr?.on('data', (c: Buffer) => (output += c.toString('utf8')));
      await until(
        'admin API answers',
        async () => {
          if (started.exitCode !== null) throw new Error(`portolan ended with ${started.exitCode}:\n${output}`);
          return (await admin('/livez')).status === 200;
        },
        60_000,
      );
    },
    crash: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
    destroy: async () => {
      await end('SIGKILL');
      await killHaproxy();
      if (process.env['KEEP_STATE'] === undefined) await rm(stateDir, { recursive: true, force: true });
    },
    admin,
    output: () => output,
    get pid() {
      return child?.pid;
    },
  };
}
