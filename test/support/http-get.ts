import { Agent, request } from 'node:http';

/** What one request gave. */
export interface Answer {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Why there was no answer. */
  readonly error?: string;
}

/** One GET to 127.0.0.1. Never rejects. */
export function get(
  port: number,
  options: { path?: string; host?: string; agent?: Agent; headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const none = (error: Error): void => resolve({ status: 0, body: '', headers: {}, error: error.message });
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: options.path ?? '/',
        agent: options.agent ?? false,
        headers: { host: options.host ?? 'localhost', ...options.headers },
        timeout: 5_000,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
        response.on('error', none);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', none);
    sent.end();
  });
}

/** Requests at a steady rate. */
export interface SteadyRequests {
  /** Stops, waits for the answers under way and tells what happened. */
  stop(): Promise<{ readonly sent: number; readonly failures: readonly string[]; readonly answers: readonly Answer[] }>;
}

/**
 * Requests `perSecond` times a second, whatever the answers do. `keepAlive` keeps a few connections open and uses them
 * again, otherwise each request has its own. Anything but status 200 is a failure.
 */
export function requestSteadily(options: { port: number; perSecond: number; keepAlive: boolean }): SteadyRequests {
  const agent = new Agent({ keepAlive: options.keepAlive, maxSockets: 8 });
  const answers: Answer[] = [];
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const number = sent;
    const one = get(options.port, { agent }).then((answer) => {
      answers.push(answer);
      if (answer.status !== 200) failures.push(`request ${number}: ${answer.error ?? `status ${answer.status}`}`);
    });
    open.add(one);
    void one.finally(() => open.delete(one));
  }, 1000 / options.perSecond);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return { sent, failures, answers };
    },
  };
}

/** Asks again every 20 ms until `condition` holds. Throws after `withinMs`, naming what was awaited. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  withinMs: number,
): Promise<void> {
  const end = Date.now() + withinMs;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
