import type { Generation } from '../core/config.ts';
import type { HaproxyView, Observed } from '../core/ports.ts';
import { ok, type Result } from '../core/result.ts';
import type { HaproxyContext } from './context.ts';
import { boundOutput } from './output-file.ts';
import { identifyBoth, missing, startFirstOf, type Watched } from './process.ts';
import { findByMasterSocket } from './processes.ts';
import { knownConfig, look, observeWorker, type Sight, viewOf } from './sight.ts';
import type { SingleFlight } from './single-flight.ts';
import type { StartFailure } from './start-failure.ts';
import type { WorkerAnswer } from './worker-probe.ts';

/** Keeps HAProxy running (managed mode), or watches the one that somebody else runs (external mode). */
export interface Supervision {
  /** Takes a HAProxy that answers as the one to watch. */
  adopt(sight: Sight & { readonly worker: WorkerAnswer }, how: 'adopted' | 'started' | 'restarted'): Promise<Observed>;
  /** Starts the first generation of `order` that starts. */
  start(order: readonly Generation[], how: 'started' | 'restarted'): Promise<Result<Observed, StartFailure>>;
  /** Starts what is best on disk. A failure is tried again later by `run`, with growing pauses. */
  revive(how: 'started' | 'restarted'): Promise<Result<Observed | undefined, StartFailure>>;
  /** Takes note of what a reload has brought about. */
  reloaded(sight: Sight): Promise<void>;
  /** Watches until the adapter ends. */
  run(): Promise<void>;
}

const FIRST_PAUSE_MS = 250;

/** `inTurn`: nothing is started or judged while something is being applied. */
export function createSupervision(context: HaproxyContext, inTurn: SingleFlight): Supervision {
  const { clock, timings, generations, emit, ended, mode, paths } = context;
  let watched: Watched | undefined;
  let up = false;
  let misses = 0;
  let shown = '';
  let askAt = 0;
  let reviveAt = Number.POSITIVE_INFINITY;
  let pause = FIRST_PAUSE_MS;

  const show = (view: HaproxyView): void => {
    const text = JSON.stringify(view);
    if (text !== shown) emit({ type: 'haproxy-seen', haproxy: view });
    shown = text;
  };

  async function remember(sight: Sight): Promise<void> {
    const workerPid = sight.worker?.pid ?? sight.master?.workerPid;
    if (mode === 'managed' && sight.master && workerPid !== undefined)
      watched = await identifyBoth(sight.master.masterPid, workerPid);
    if (sight.worker?.generation !== undefined) generations.growBeyond(sight.worker.generation);
    misses = 0;
  }

  async function adopt(
    sight: Sight & { readonly worker: WorkerAnswer },
    how: 'adopted' | 'started' | 'restarted',
  ): Promise<Observed> {
    await remember(sight);
    const observed = await observeWorker(context, sight.worker);
    // A crash between publishing and reloading left `current` ahead of what is proven to work.
    if (observed.known && !(await generations.following(observed.generation)))
      await generations.confirm(observed.generation);
    up = true;
    reviveAt = Number.POSITIVE_INFINITY;
    pause = FIRST_PAUSE_MS;
    const haproxy = viewOf(sight, mode);
    shown = JSON.stringify(haproxy);
    emit({ type: 'haproxy-up', haproxy, how, ...knownConfig(observed) });
    return observed;
  }

  async function start(
    order: readonly Generation[],
    how: 'started' | 'restarted',
  ): Promise<Result<Observed, StartFailure>> {
    const started = await startFirstOf(context, order);
    if (!started.ok) return started;
    const sight = await look(context);
    return ok(await adopt({ ...sight, worker: sight.worker ?? started.value }, how));
  }

  async function revive(how: 'started' | 'restarted'): Promise<Result<Observed | undefined, StartFailure>> {
    const order = await generations.startOrder();
    if (order.length === 0) return ok(undefined);
    const started = await start(order, how);
    if (!started.ok) {
      reviveAt = clock.now() + pause;
      pause = Math.min(pause * 2, timings.longestPause);
    }
    return started;
  }

  function down(reason: string): void {
    up = false;
    emit({ type: 'haproxy-down', reason });
  }

  async function lost(reason: string): Promise<void> {
    watched = undefined;
    down(reason);
    await reviveOrTell();
  }

  async function reviveOrTell(): Promise<void> {
    const revived = await revive('restarted');
    if (!revived.ok && !ended.aborted) down(`HAProxy does not start: ${revived.failure.detail}`);
  }

  /** Asks the sockets: notices a worker that hangs, one that answers again, and what somebody else has changed. */
  async function askSockets(): Promise<void> {
    const sight = await look(context);
    if (ended.aborted) return;
    if (sight.worker) {
      if (!up) await adopt({ ...sight, worker: sight.worker }, 'adopted');
      else await remember(sight);
      show(viewOf(sight, mode));
      return;
    }
    misses += 1;
    // A master that never answered is not watched: when the worker is gone too, nothing of it is left to wait for.
    if (mode === 'managed' && up && !watched && (await findByMasterSocket(paths.masterSocket)).length === 0)
      return lost('HAProxy ended');
    const hung = mode === 'external' && sight.master === undefined ? 1 : timings.missesUntilHung;
    if (up && misses >= hung)
      down(`no answer from the worker${misses === 1 ? '' : ` ${misses} times in a row`}: ${sight.reason}`);
  }

  async function watchOnce(): Promise<void> {
    if (ended.aborted) return;
    if (watched) {
      const reason = await missing(watched);
      if (reason) {
        // Somebody else may have reloaded: then another worker is in charge.
        const sight = await look(context);
        if (sight.worker && sight.master) await remember(sight);
        else return lost(reason);
      }
    } else if (clock.now() >= reviveAt) {
      return reviveOrTell();
    }
    if (clock.now() < askAt) return;
    askAt = clock.now() + timings.askEvery;
    if (up || watched || mode === 'external') await askSockets();
    await boundOutput(paths.output);
  }

  async function run(): Promise<void> {
    while (!ended.aborted) {
      await clock.sleep(timings.watchEvery, ended);
      try {
        await inTurn(watchOnce);
      } catch (error) {
        const { message, stack } = error instanceof Error ? error : new Error(String(error));
        emit({ type: 'bug', message, stack: stack ?? '' });
      }
    }
  }

  return {
    adopt,
    start,
    revive,
    run,
    reloaded: async (sight) => {
      await remember(sight);
      up = sight.worker !== undefined;
      show(viewOf(sight, mode));
    },
  };
}
