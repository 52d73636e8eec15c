import type { Clock, SourceFailure } from '../core/ports.ts';
import { fail, type Result } from '../core/result.ts';
import type { Alarms } from './alarms.ts';
import type { Master } from './masters.ts';

/** One try at one master. `alive` is called with every sign of life; an aborted `signal` says why in its reason. */
export type Attempt<T> = (master: Master, signal: AbortSignal, alive: () => void) => Promise<Result<T, SourceFailure>>;

/** Why a running attempt is cut: another master answered although it was asked later. */
export const OVERTAKEN = 'overtaken';
/** Why a running attempt is cut without being to blame. */
export const NOT_NEEDED = 'not needed';

/**
 * Asks the masters in order until one gives a good answer. The next one is asked when one fails, and also beside one that
 * gives no sign of life for `hedgeAfter` milliseconds. The first good answer wins, the others are cut.
 *
 * When all have been asked and all are silent, scouts go out, one at a time: a master that hung and is well again mostly
 * never answers what it was asked before. The silent attempts still have their full time, which a slow cluster needs.
 */
export async function askMasters<T>(
  order: readonly Master[],
  attempt: Attempt<T>,
  hedgeAfter: (master: Master) => number,
  clock: Clock,
  alarms: Alarms,
  signal: AbortSignal,
): Promise<Result<T, SourceFailure>> {
  const running = new Map<number, Running<T>>();
  const failures: SourceFailure[] = [];
  let quietSince = clock.now();
  let next = 0;

  const start = () => {
    const index = next;
    const master = order[index % order.length];
    if (master === undefined) return;
    next += 1;
    const cut = new AbortController();
    if (signal.aborted) cut.abort(signal.reason);
    const alive = () => {
      quietSince = clock.now();
    };
    alive();
    const settled = attempt(master, cut.signal, alive).then((result) => ({ index, result }));
    running.set(index, { master, cut, settled });
  };
  const cutAll = () => {
    for (const { cut } of running.values()) cut.abort(signal.reason);
  };
  const isScout = (index: number) => index >= order.length;
  const cutScouts = () => {
    for (const [index, { cut }] of running) {
      if (!isScout(index)) continue;
      running.delete(index);
      cut.abort(NOT_NEEDED);
    }
  };

  const askAll = async (): Promise<Result<T, SourceFailure>> => {
    start();
    while ([...running.keys()].some((index) => !isScout(index))) {
      const first = await firstOf(running, hedgeAfter, () => quietSince, clock, alarms);
      if (first === 'quiet') {
        cutScouts();
        start();
        continue;
      }
      const winner = running.get(first.index);
      running.delete(first.index);
      if (first.result.ok) {
        for (const [index, { master, cut }] of running) {
          cut.abort(index < first.index && master !== winner?.master ? OVERTAKEN : NOT_NEEDED);
        }
        return first.result;
      }
      if (isScout(first.index)) continue;
      failures.push(first.result.failure);
      if (!signal.aborted && next < order.length) start();
    }
    cutScouts();
    return fail(tellingFailure(failures, signal));
  };

  signal.addEventListener('abort', cutAll);
  try {
    return await askAll();
  } finally {
    signal.removeEventListener('abort', cutAll);
  }
}

interface Running<T> {
  readonly master: Master;
  readonly cut: AbortController;
  readonly settled: Promise<Settled<T>>;
}

interface Settled<T> {
  readonly index: number;
  readonly result: Result<T, SourceFailure>;
}

/** What ends first, or that nothing was heard of any of them for too long. */
async function firstOf<T>(
  running: ReadonlyMap<number, Running<T>>,
  hedgeAfter: (master: Master) => number,
  quietSince: () => number,
  clock: Clock,
  alarms: Alarms,
): Promise<Settled<T> | 'quiet'> {
  const newest = [...running.values()].at(-1);
  if (newest === undefined) return 'quiet';
  const ms = hedgeAfter(newest.master);
  const quiet = Promise.withResolvers<'quiet'>();
  const left = () => quietSince() + ms - clock.now();
  const look = () => {
    if (left() > 0) alarm = alarms.set(left(), look);
    else quiet.resolve('quiet');
  };
  let alarm = alarms.set(left(), look);
  const first = await Promise.race([...[...running.values()].map(({ settled }) => settled), quiet.promise]);
  alarm.stop();
  return first;
}

/** Of several failures, the one that says most: an answer says more than none. The others are named behind it. */
function tellingFailure(failures: readonly SourceFailure[], signal: AbortSignal): SourceFailure {
  const telling = failures.find(({ kind }) => kind !== 'unreachable' && kind !== 'aborted') ?? failures[0];
  if (telling === undefined) return { kind: 'unreachable', endpoint: '', detail: 'no master is configured' };
  if (signal.aborted) return { ...telling, kind: 'aborted' };
  const others = failures.filter((failure) => failure !== telling);
  if (others.length === 0) return telling;
  const list = others.map(({ endpoint, kind }) => `${endpoint} ${kind}`).join(', ');
  return { ...telling, detail: `${telling.detail} (and ${list})` };
}
