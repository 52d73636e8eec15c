import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from './processes.ts';
import { fetchOnce } from './requests.ts';

/** The HAProxy under test, and everything beside it. */
export const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';

/** A HAProxy that the bench runs for itself. */
export interface HaproxyAlone {
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Runs HAProxy in the foreground in `cwd`. Its log is dropped. `session`: Linux shares the CPU out among sessions first
 * (`sched_autogroup`), so that one which is compared with a daemon's HAProxy needs its own as well.
 */
export async function startAlone(config: string, cwd: string, session: 'ours' | 'own' = 'ours'): Promise<HaproxyAlone> {
  const child: ChildProcess = spawn(HAPROXY, ['-db', '-f', config], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: session === 'own',
  });
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => {
    said = (said + piece.toString()).slice(-2_000);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await pause(20);
  if (child.pid === undefined || child.exitCode !== null) throw new Error(`HAProxy did not start: ${said}`);
  return {
    pid: child.pid,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * Answers for every task of a cluster on paper, on all of loopback, faster than anything it is compared with. Two HAProxies at once
 * keep some thousand connections to it for reuse: were they more than it takes, the one that came later would wait for the other.
 */
export async function startAnswering(port: number): Promise<HaproxyAlone> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const file = join(folder, 'haproxy.cfg');
  await writeFile(
    file,
    [
      'global',
      // It answers by itself: a connection is one file, not the two that HAProxy counts on.
      '  no strict-limits',
      '  maxconn 18000',
      'defaults',
      '  mode http',
      '  timeout connect 5s',
      '  timeout client 120s',
      '  timeout server 5s',
      '  timeout http-keep-alive 120s',
      'frontend answering',
      `  bind 0.0.0.0:${port}`,
      '  http-request return status 200 content-type text/plain hdr X-Server %[dst] string ok',
      '',
    ].join('\n'),
  );
  const haproxy = await startAlone(file, folder);
  for (let tries = 0; (await fetchOnce(port, 'x')).status !== 200; tries += 1) {
    if (tries > 200) throw new Error(`nobody answers on port ${port}`);
    await pause(20);
  }
  return {
    pid: haproxy.pid,
    async stop() {
      await haproxy.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
