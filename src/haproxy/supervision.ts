import type { Generation } from '../core/config.ts';
import type { HaproxyView, Observed } from '../core/ports.ts';
import { fail, ok, type Result, unreachable } from '../core/result.ts';
import type { HaproxyContext } from './context.ts';
import type { KeptSockets } from './kept-sockets.ts';
import { createKnownProcesses, type KnownProcesses } from './known-processes.ts';
import { boundOutput } from './output-file.ts';
import { missing, type StartOrder, startFirstOf, type Watched } from './process.ts';
import { findByMasterSocket, identify, signalAll } from './processes.ts';
import { restoreSockets } from './rouse.ts';
import { knownConfig, look, observeWorker, type Sight, viewOf } from './sight.ts';
import { createSilence } from './silence.ts';
import type { SingleFlight } from './single-flight.ts';
import type { StartFailure } from './start-failure.ts';
import { watchForStopped } from './stopped.ts';
import type { WorkerAnswer } from './worker-probe.ts';

/** Keeps HAProxy running (managed mode), or watches the one that somebody else runs (external mode). */
export interface Supervision {
  /** Takes a HAProxy that answers as the one to watch. */
  adopt(sight: Sight & { readonly worker: WorkerAnswer }, how: 'adopted' | 'started' | 'restarted'): Promise<Observed>;
  /** Starts this generation. */
  start(generation: Generation, how: 'started' | 'restarted'): Promise<Result<Observed, StartFailure>>;
  /** Starts what is best on disk. A failure is tried again later by `run`, with growing pauses. */
  revive(how: 'started' | 'restarted'): Promise<Result<Observed | undefined, StartFailure>>;
  /** Takes note of what a reload has brought about. */
  reloaded(sight: Sight): Promise<void>;
  readonly known: Pick<KnownProcesses, 'master' | 'generation'>;
  /** Watches until the adapter ends. */
  run(): Promise<void>;
}

const FIRST_PAUSE_MS = 250;

/** `inTurn`: nothing is started or judged while something is being applied. */
export function createSupervision(context: HaproxyContext, inTurn: SingleFlight, sockets: KeptSockets): Supervision {
  const { clock, timings, generations, emit, ended, mode, paths } = context;
  const silence = createSilence(context);
  const known = createKnownProcesses(context, sockets);
  let servesUnasked = false;
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
    await known.saw(sight);
    misses = 0;
    servesUnasked = false;
    silence.broken();
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
    const haproxy = await viewOf(sight, mode);
    shown = JSON.stringify(haproxy);
    emit({ type: 'haproxy-up', haproxy, how, ...knownConfig(observed) });
    return observed;
  }

  async function startFrom(
    order: StartOrder,
    how: 'started' | 'restarted',
  ): Promise<Result<Observed, StartFailure> | undefined> {
    const started = await startFirstOf(context, order);
    if (!started?.ok) return started;
    const sight = await look(context);
    return ok(await adopt({ ...sight, worker: sight.worker ?? started.value }, how));
  }

  async function start(generation: Generation, how: 'started' | 'restarted'): Promise<Result<Observed, StartFailure>> {
    const nothing = { kind: 'start-failed', detail: 'there is no generation to start with' } as const;
    return (await startFrom([generation], how)) ?? fail(nothing);
  }

  async function revive(how: 'started' | 'restarted'): Promise<Result<Observed | undefined, StartFailure>> {
    const started = await startFrom(generations.startOrder(), how);
    if (started === undefined) return ok(undefined);
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
    known.forget();
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
      if (sight.refused.worker) restoreSockets(context, sockets, [paths.runtimeSocket]);
      show(await viewOf(sight, mode));
      return;
    }
    misses += 1;
    // A master that never answered is not watched: when the worker is gone too, nothing of it is left to wait for.
    if (mode === 'managed' && up && !known.watched() && (await findByMasterSocket(paths.masterSocket)).length === 0)
      return lost('HAProxy ended');
    // Neither processes nor listeners of another container can be looked at, let alone be ended.
    const silent = mode === 'managed' ? await silence.judge(known.generation()) : 'silent';
    if (ended.aborted) return;
    switch (silent) {
      case 'serves':
        return servesOn(sight.reason);
      case 'lost':
        return end();
      case 'silent':
        return tellSilence(sight);
      default:
        return unreachable(silent);
    }
  }

  function servesOn(reason: string): void {
    misses = 0;
    if (!servesUnasked) emit({ type: 'runtime-doubt', detail: `requests are served, but nobody can ask: ${reason}` });
    servesUnasked = true;
  }

  function tellSilence(sight: Sight): void {
    const hung = mode === 'external' && sight.master === undefined ? 1 : timings.missesUntilHung;
    if (!up || misses < hung) return;
    const times = misses === 1 ? '' : ` ${misses} times in a row`;
    const whose = mode === 'external' ? '; it is for whoever runs it to cure it' : '';
    down(`no answer from the worker${times}: ${sight.reason}${whose}`);
  }

  async function end(): Promise<void> {
    const reason = 'it answered on no socket and took no connection any more';
    const pid = known.watched()?.master.pid;
    emit({ type: 'haproxy-cured', cure: 'killed', detail: `ended: ${reason}`, ...(pid === undefined ? {} : { pid }) });
    await signalAll(await findByMasterSocket(paths.masterSocket), 'SIGKILL');
    await lost(`HAProxy was ended: ${reason}`);
  }

  /** Somebody else may have reloaded: then another worker is in charge, though it may not answer yet. */
  async function another(before: Watched): Promise<boolean> {
    const sight = await look(context);
    const inCharge = sight.master?.workerPid;
    if (inCharge === undefined || (!sight.worker && inCharge === before.worker.pid)) return false;
    if (!sight.worker && !(await identify(inCharge))) return false;
    await remember(sight);
    return true;
  }

  async function watchOnce(): Promise<void> {
    if (ended.aborted) return;
    if (up) restoreSockets(context, sockets);
    const watched = known.watched();
    if (watched) {
      const reason = await missing(watched);
      if (reason && !(await another(watched))) return lost(reason);
    } else if (clock.now() >= reviveAt) {
      return reviveOrTell();
    }
    if (clock.now() < askAt) return;
    askAt = clock.now() + timings.askEvery;
    if (up || known.watched() || mode === 'external') await askSockets();
    await boundOutput(paths.output);
  }

  async function watch(): Promise<void> {
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

  async function run(): Promise<void> {
    await Promise.all([watch(), watchForStopped(context, known.all)]);
  }

  return {
    adopt,
    start,
    revive,
    run,
    known,
    reloaded: async (sight) => {
      await remember(sight);
      up = sight.worker !== undefined;
      show(await viewOf(sight, mode));
    },
  };
}
