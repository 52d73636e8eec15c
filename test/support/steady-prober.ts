import { Agent, request } from 'node:http';

/** What a prober has seen so far. */
interface Probed {
  readonly ok: number;
  readonly failed: number;
  /** Asked once more after a reset of a kept connection (`retryReset`); not counted as failed. */
  readonly retried: number;
  /** Requests that are still waiting. */
  readonly pending: number;
  /** What was wrong with the first failed ones, at most 60: three seconds of the usual pace. */
  readonly failures: readonly string[];
  /** Milliseconds of the slowest good answer. */
  readonly slowestMs: number;
  /** How often each answerer (header `X-Task-Id`) answered. */
  readonly answers: ReadonlyMap<string, number>;
}

/** Asks again and again until stopped, and counts. It never throws. */
export interface Prober {
  seen(): Probed;
  /** Forgets what was counted; requests that are waiting count as new ones. */
  reset(): void;
  /** Resolves when the requests that are waiting now have ended. */
  settled(): Promise<void>;
  /** Resolves when at least `more` further requests have ended. */
  rounds(more: number): Promise<void>;
  /** Stops asking, waits for what is waiting, and tells the count. */
  stop(): Promise<Probed>;
}

/** What a prober asks. */
export interface ProberOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Host header. */
  readonly host?: string;
  /** Default `/`. */
  readonly path?: string;
  /** Further request headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests per second and way of connecting. Default 20. */
  readonly perSecond?: number;
  /** Every request on a connection of its own, on kept ones, or both by turns. Default both. */
  readonly connections?: 'new' | 'keep-alive' | 'both';
  /** Ask once more when the server closed a kept connection just as it was used again, as browsers do. Default true. */
  readonly retryReset?: boolean;
  /** Milliseconds until a request counts as failed. Default 10 s. */
  readonly timeoutMs?: number;
  /** What counts as good. Default: status 200. */
  readonly good?: (status: number, body: string) => boolean;
}

/** Failures that are told of. */
const MOST_TOLD = 60;

/** The time of day, as logs have it. */
const clock = (): string => new Date().toISOString().slice(11, 23);

/**
 * Starts asking. Requests are sent at their times whether or not earlier ones have been answered, so a hang shows
 * as many failures, not as one.
 */
export function startProber(options: ProberOptions): Prober {
  const { perSecond = 20, connections = 'both', timeoutMs = 10_000, good = (status) => status === 200 } = options;
  const retryReset = options.retryReset ?? true;
  const kept = new Agent({ keepAlive: true });
  const waiting = new Set<Promise<void>>();
  let ended = 0;
  let watchers: { readonly at: number; readonly go: () => void }[] = [];
  let ok = 0;
  let failures: string[] = [];
  let failed = 0;
  let retried = 0;
  let slowestMs = 0;
  let answers = new Map<string, number>();
  let turn = 0;

  const count = (failure: string | undefined, ms: number, answerer: string | undefined): void => {
    if (failure === undefined) {
      ok++;
      slowestMs = Math.max(slowestMs, ms);
      if (answerer !== undefined) answers.set(answerer, (answers.get(answerer) ?? 0) + 1);
    } else {
      failed++;
      if (failures.length < MOST_TOLD) failures.push(failure);
    }
    ended++;
    const due = watchers.filter((watcher) => watcher.at <= ended);
    watchers = watchers.filter((watcher) => watcher.at > ended);
    for (const watcher of due) watcher.go();
  };

  const ask = (keep: boolean): Promise<void> =>
    new Promise((resolve) => {
      const began = performance.now();
      let over = false;
      const end = (failure: string | undefined, answerer?: string): void => {
        if (over) return;
        over = true;
        clearTimeout(limit);
        const ms = performance.now() - began;
        const kind = keep ? 'kept connection' : 'new connection';
        count(
          failure === undefined ? undefined : `${failure} (${kind}, after ${Math.round(ms)} ms, at ${clock()})`,
          ms,
          answerer,
        );
        resolve();
      };
      const asking = request(
        {
          host: options.address ?? '127.0.0.1',
          port: options.port,
          path: options.path ?? '/',
          agent: keep ? kept : false,
          headers: { ...options.headers, ...(options.host === undefined ? {} : { Host: options.host }) },
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('error', (error) => end(`answer cut: ${error.message}`));
          answer.on('end', () => {
            const body = Buffer.concat(parts).toString();
            const status = answer.statusCode ?? 0;
            const answerer = answer.headers['x-task-id'];
            if (good(status, body)) end(undefined, typeof answerer === 'string' ? answerer : undefined);
            else end(`status ${status}: ${body.slice(0, 120)}`);
          });
        },
      );
      const limit = setTimeout(() => {
        end('no answer in time');
        asking.destroy();
      }, timeoutMs);
      asking.on('error', (error: NodeJS.ErrnoException) => {
        if (retryReset && keep && asking.reusedSocket && error.code === 'ECONNRESET' && !over) {
          over = true;
          retried++;
          clearTimeout(limit);
          void ask(false).then(resolve);
          return;
        }
        end(error.code ?? error.message);
      });
      asking.end();
    });

  const timer = setInterval(() => {
    const keep = connections === 'keep-alive' || (connections === 'both' && turn++ % 2 === 0);
    const asked = ask(keep).finally(() => waiting.delete(asked));
    waiting.add(asked);
  }, 1000 / perSecond);

  const seen = (): Probed => ({
    ok,
    failed,
    retried,
    pending: waiting.size,
    failures: [...failures],
    slowestMs,
    answers,
  });
  return {
    seen,
    reset: () => {
      ok = 0;
      failed = 0;
      retried = 0;
      failures = [];
      slowestMs = 0;
      answers = new Map();
    },
    settled: async () => {
      await Promise.all(waiting);
    },
    rounds: (more) =>
      new Promise((resolve) => {
        watchers.push({ at: ended + more, go: resolve });
      }),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(waiting);
      kept.destroy();
      return seen();
    },
  };
}
