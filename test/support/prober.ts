import { type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { startProber as startSteady } from './steady-prober.ts';

/** What one GET brought: an answer, or the error of the connection (status 0). */
export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly error?: string;
}

/** One GET on a connection of its own to 127.0.0.1. Never throws. */
export function get(port: number, asked: { readonly host?: string; readonly path?: string } = {}): Promise<Got> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      resolve({ status: 0, headers: {}, body: '', error: `${error.code ?? ''} ${error.message}`.trim() });
    const headers = asked.host === undefined ? {} : { Host: asked.host };
    const asking = request(
      { host: '127.0.0.1', port, path: asked.path ?? '/', agent: false, timeout: 10_000, headers },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', failed);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    asking.on('timeout', () => asking.destroy(new Error('no answer in time')));
    asking.on('error', failed);
    asking.end();
  });
}

/** Waits until the condition holds; throws, naming it, when it does not within `limitMs`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(20);
  }
}

/** Asks 127.0.0.1 at a steady rate, on fresh or kept connections, and counts every failure; nothing is asked twice. */
export function startProber(options: {
  readonly port: number;
  readonly perSecond: number;
  readonly keepAlive: boolean;
  readonly host?: string;
}): { stop(): Promise<{ readonly sent: number; readonly failures: readonly string[] }> } {
  const { keepAlive, ...rest } = options;
  const prober = startSteady({ ...rest, connections: keepAlive ? 'keep-alive' : 'new', retryReset: false });
  return {
    stop: async () => {
      const { ok, failed, failures } = await prober.stop();
      return { sent: ok + failed, failures };
    },
  };
}
