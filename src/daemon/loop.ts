import type { AppId, Instant } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ChangeHint, Control, Haproxy } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { fail, ok } from '../core/result.ts';
import { createAlarm } from './alarm.ts';
import { createComparisons } from './compare-often.ts';
import { createFollowing } from './following.ts';
import type { Scope } from './hints.ts';
import { createHints } from './hints.ts';
import { createPace } from './pace.ts';
import type { PassDeps } from './pass.ts';
import { placedServers } from './placed-servers.ts';
import { createReconciler } from './reconcile.ts';
import { createTakingOut } from './taking-out.ts';
import type { Timings } from './timings.ts';
import { TIMINGS, withBudget } from './timings.ts';

/** What the loop is given. */
export interface LoopDeps extends Omit<PassDeps, 'timings'> {
  /** Portolan's own version. */
  readonly version: string;
  readonly setLogLevel: (level: string) => boolean;
  readonly timings?: Partial<Timings>;
}

/** The daemon's heart. */
export interface Loop {
  /** Runs until aborted; resolves when the last pass has ended and HAProxy was left or drained. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  readonly control: Control;
  /** HAProxy's servers by the backends that they serve, wherever those sit. */
  readonly servers: Haproxy['servers'];
  /** Who holds which name, by the newest table. */
  readonly claims: () => ReadonlyMap<string, AppId>;
  /** Listens to what others have to say: a new HAProxy, new templates or certificates are reasons for a pass. */
  hear(event: DaemonEventBody): void;
}

/** Says when a pass runs: one at a time, hints join, the newest state wins, failures are tried again until desired = running. */
export function createLoop(deps: LoopDeps): Loop {
  const { clock, emit, haproxy, source, settings } = deps;
  const timings = withBudget({ ...TIMINGS, ...deps.timings }, settings.reloadBudget);
  const reconciler = createReconciler({ ...deps, timings });
  const hints = createHints();
  const alarm = createAlarm(clock);
  const pace = createPace(hints, timings, deps.random);
  const comparisons = createComparisons(clock, timings.compareMs);
  const following = createFollowing({
    clock,
    timings,
    follow: async () => {
      const again = await guarded(reconciler.follow);
      return !again.ok || again.value;
    },
  });
  let passing = false;
  /** The source has hinted. */
  const spoken = Promise.withResolvers<void>();
  /** A pass has ended, or none will. */
  const looked = Promise.withResolvers<void>();

  function hint(scope: Scope, reason: string): void {
    take({ scope, reason, at: clock.now() });
  }

  function take(given: ChangeHint): void {
    if (given.removed !== undefined) reconciler.removed(given.removed);
    if (given.leaving !== undefined && given.leaving.length > 0) void takeOut(given.leaving);
    const until = given.patient ? pace.patience(clock.now()) : undefined;
    if (until === undefined) hints.add(given, clock.now());
    // Another one is due before it.
    else if (hints.defer(given, until)) return;
    alarm.ring();
  }

  /** The one catch for bugs: told, then tried again after a pause, while HAProxy serves on. */
  async function guarded<T>(work: () => Promise<T>): Promise<Result<T, 'bug'>> {
    try {
      return ok(await work());
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      emit({ type: 'bug', message, stack: stack ?? '' });
      return fail('bug');
    }
  }

  async function onePass(signal: AbortSignal): Promise<void> {
    const cause = hints.take(clock.now());
    pace.begins(cause.scope);
    const startedAt = clock.now();
    passing = true;
    const ended = await guarded(() => reconciler.pass(cause, signal, pace.reloadFrom()));
    passing = false;
    if (!ended.ok) {
      // Wherever it broke off: fetch again, and ask HAProxy before anything is planned.
      reconciler.doubt();
      hints.putBack(cause, cause.scope);
      pace.failed(clock.now());
      emit({ type: 'pass-finished', outcome: 'failed', ms: clock.now() - startedAt });
    } else if (ended.value.kind === 'failed') {
      const { at, refetch, until } = ended.value;
      hints.putBack(cause, refetch);
      pace.failed(clock.now(), until === undefined ? undefined : { until, tried: at === 'reload' });
    } else if (ended.value.kind === 'waiting') {
      hints.putBack(cause, ended.value.refetch);
      pace.waits(clock.now(), ended.value.until, ended.value.workMs);
    } else {
      pace.succeeded(clock.now(), ended.value.kind === 'applied', ended.value.workMs);
      if (ended.value.kind === 'carried') following.soon(signal);
      if (ended.value.kind === 'applied') comparisons.soon();
    }
    looked.resolve();
  }

  async function compare(signal: AbortSignal): Promise<void> {
    const otherwise = await guarded(() => reconciler.compare(signal));
    if (otherwise.ok && otherwise.value) hint([], 'drift');
  }

  const takeOut = createTakingOut({
    leave: (leaving) => guarded(() => reconciler.leave(leaving)),
    hurry: () => {
      pace.hurry();
      alarm.ring();
    },
    look(apps) {
      if (pace.patience(clock.now()) !== undefined) hint(apps, 'leaving');
    },
    emit,
    clock,
  });

  const isDue = (at: Instant | undefined): boolean => at !== undefined && at <= clock.now();

  /** A hint is answered at its time, and answers a wish too. */
  function due(): Instant | undefined {
    const at = pace.due();
    const wish = hints.burst() === undefined ? reconciler.wake()?.at : undefined;
    if (at === undefined || wish === undefined) return at ?? wish;
    return at < wish ? at : wish;
  }

  /** A wish whose time has come is a hint like others. */
  function wake(): void {
    const wish = hints.burst() === undefined ? reconciler.wake() : undefined;
    if (wish !== undefined && isDue(wish.at)) hint(wish.scope, wish.reason);
  }

  async function tend(signal: AbortSignal): Promise<void> {
    await looked.promise;
    while (!signal.aborted) {
      await guarded(() => reconciler.tend(signal));
      await clock.sleep(timings.tendMs, signal);
    }
  }

  /** Takes the source's hints. They never end; should they, that is a bug, and they are asked for again. */
  async function listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await guarded(async () => {
        for await (const given of source.changes(signal)) {
          take(given);
          spoken.resolve();
        }
        if (!signal.aborted) throw new Error('the source has stopped hinting');
      });
      if (!signal.aborted) await clock.sleep(timings.backoff.maxMs, signal);
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    const sayStopping = (): void => emit({ type: 'stopping', onStop: settings.onStop });
    if (signal.aborted) sayStopping();
    else signal.addEventListener('abort', sayStopping, { once: true });
    await guarded(reconciler.start);
    const view = await guarded(() => haproxy.view());
    const haproxyView = view.ok ? view.value : { up: false, oldWorkers: 0, mode: settings.haproxyMode };
    emit({ type: 'started', version: deps.version, haproxy: haproxyView });
    const listening = listen(signal);
    if (settings.apps === undefined && settings.sse)
      await Promise.race([spoken.promise, clock.sleep(timings.attachMs, signal)]);
    hint('all', 'start');
    const comparing = comparisons.run(compare, signal);
    const tending = tend(signal);
    while (!signal.aborted) {
      await alarm.until(due, signal);
      wake();
      if (!signal.aborted && isDue(pace.due())) await onePass(signal);
    }
    looked.resolve();
    await comparing;
    await tending;
    await guarded(reconciler.follow);
    await guarded(reconciler.close);
    const closed = new AbortController();
    await Promise.race([listening, clock.sleep(timings.closeMs, closed.signal)]);
    closed.abort();
    await guarded(() => haproxy.stop(settings.onStop));
  }

  function hear(event: DaemonEventBody): void {
    switch (event.type) {
      case 'haproxy-up':
        reconciler.doubt();
        hint([], `haproxy ${event.how}`);
        break;
      case 'haproxy-seen': {
        // During a pass, another generation is its own doing.
        const { generation } = event.haproxy;
        if (!passing && generation !== undefined && reconciler.suspect(generation)) hint([], 'another generation runs');
        break;
      }
      case 'templates-loaded':
        hint([], 'templates');
        break;
      case 'certificates-loaded':
        hint([], 'certificates');
        break;
      case 'shrink-witnessed':
        hint([], 'others were asked');
        break;
      default:
    }
  }

  return {
    run,
    hear,
    servers: placedServers(haproxy, reconciler.places),
    claims: reconciler.claims,
    control: {
      requestPass: (reason) => {
        hint('all', reason);
        comparisons.soon();
      },
      setLogLevel: deps.setLogLevel,
      acceptShrink: () => {
        const held = reconciler.accept();
        if (held) hint([], 'accepted');
        return held;
      },
    },
  };
}
