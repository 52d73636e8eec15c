import type { App, AppId, Instant, Snapshot } from '../core/app.ts';
import { withHeld, withoutTaken } from '../core/held-apps.ts';
import { losses, servedLosses, type Weights, weightsOf } from '../core/losses.ts';
import type { Checked } from '../core/problem.ts';
import type { Served } from '../core/served.ts';
import { createShrinkGuard, type ShrinkVerdict } from '../core/shrink-guard.ts';
import type { Scope } from './hints.ts';
import { createKeptWitness } from './kept-witness.ts';
import type { PassDeps, Wake } from './pass.ts';

/** Whether the source's answers are believed. */
export interface KeptTrust {
  /** Takes an answer to `scope`. */
  hear(answer: Checked<Snapshot>, scope: Scope): void;
  /** All was asked for, and this is when that ended, well or not. */
  asked(): void;
  /** What is believed now: the newest answer, with what it lacks too much of as it was. Undefined where only HAProxy knows that. */
  judge(signal: AbortSignal): Checked<Snapshot> | undefined;
  /** What it wants to be read beside what was hinted. */
  wants(): Scope;
  wake(): Wake | undefined;
  /** Events call these apps destroyed. */
  removed(apps: readonly AppId[]): void;
  /** An operator agrees with what is held. False: nothing is. */
  accept(): boolean;
}

type Parts = Pick<PassDeps, 'source' | 'clock' | 'emit' | 'settings'> & {
  /** What runs; undefined while that is not known, or nothing does. */
  readonly served: () => Served | undefined;
};

/** An event's word explains for so long that an app is missing: the list may come before it, or late after it. */
const REMOVED_MS = 10 * 60_000;
/** A list that still shows an app is not older than its end for longer than this. */
const LATE_MS = 30_000;
/** No question is asked again sooner than this. */
const LEAST_MS = 1_000;
/** Apps that are read one by one because somebody shows them; more are left to the next list. */
const MOST_READ = 200;

/** Believes everything until something runs that could be lost. */
export function createKeptTrust({ source, clock, emit, settings, served }: Parts): KeptTrust {
  const { guardShare: share, guardRoutes: routes, guardHold: holdMs, guardAnswers: answers } = settings;
  const guard = createShrinkGuard({ share, routes, holdMs, answers });
  const everyMs = Math.max(LEAST_MS, holdMs / answers);
  let heard: Checked<Snapshot> | undefined;
  let trusted: Checked<Snapshot> | undefined;
  let weights: Weights = new Map();
  /** The newest full answer was not looked at yet. */
  let fresh = false;
  let moved = false;
  /** What that answer lacks, each app as it was where this life knows it. */
  let lost: ReadonlyMap<AppId, App | undefined> = new Map();
  /** The last full answer before anything was held. */
  let goodAt: Instant | undefined;
  /** `seen`: an answer lacked the app since. */
  const removed = new Map<AppId, { readonly at: Instant; readonly seen: boolean }>();
  let accepted = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  const others = createKeptWitness({ source, clock, emit });

  function hear(answer: Checked<Snapshot>, scope: Scope): void {
    heard = answer;
    moved = true;
    if (removed.size > 0) remember(answer.value.apps, scope);
    if (scope === 'all') fresh = true;
    else if (lost.size > 0) readOneByOne(answer.value.apps, scope);
  }

  /** Some of what is held was asked for by itself, and is there: the list is wrong. */
  function readOneByOne(apps: readonly App[], scope: readonly AppId[]): void {
    const wanted = new Set(scope.filter((id) => lost.has(id)));
    const found = apps.filter(({ id, tasks }) => wanted.has(id) && tasks.length > 0);
    others.saw(found.map(({ id }) => id));
    lost = new Map([...lost, ...found.map((app) => [app.id, app] as const)]);
  }

  function judge(signal: AbortSignal): Checked<Snapshot> | undefined {
    if (heard === undefined) return undefined;
    if (moved || guard.current() !== undefined || accepted) look(heard, signal);
    return trusted;
  }

  function look(answer: Checked<Snapshot>, signal: AbortSignal): void {
    if (fresh) lost = lostIn(answer.value);
    const before = guard.current();
    if (lost.size === 0 && before === undefined) take({ kind: 'pass' }, answer);
    else {
      weights = weightsNow() ?? weights;
      const shown = new Set(answer.value.apps.map(({ id }) => id));
      const verdict = guard.judge({
        lost: [...lost.keys()],
        weights,
        empty: shown.size === 0,
        fresh,
        shows: (app) => shown.has(app) && !lost.has(app),
        explained,
        contradicted: others.shows,
        witnessed: others.haveAnswered(),
        accepted,
        now: clock.now(),
      });
      take(verdict, answer);
    }
    const hold = guard.current();
    const news = fresh || hold?.lost !== before?.lost;
    if (hold !== undefined && news) emit({ type: 'shrink-held', hold, again: before !== undefined });
    if (hold !== undefined) others.ask([...lost.keys()], everyMs, signal);
    [fresh, moved, accepted] = [false, false, false];
  }

  /** As many as the cluster has routes: asked for only when something is missing. */
  function weightsNow(): Weights | undefined {
    const running = served();
    return running === undefined ? undefined : weightsOf(running);
  }

  function lostIn({ apps }: Snapshot): typeof lost {
    if (trusted !== undefined) return new Map(losses(trusted.value.apps, apps).map((app) => [app.id, app]));
    return new Map(servedLosses(weightsNow() ?? new Map(), apps).map((app) => [app, undefined]));
  }

  function take(verdict: ShrinkVerdict, answer: Checked<Snapshot>): void {
    if (verdict.kind === 'pass') {
      if (fresh) goodAt = answer.value.takenAt;
      trusted = answer;
      lost = new Map();
      if (verdict.ended !== undefined) {
        others.forget();
        emit({ type: 'shrink-ended', ...verdict.ended });
      }
      return;
    }
    const kept = [...lost].filter(([id]) => verdict.apps.has(id));
    const known = withoutTaken(
      new Map(kept.flatMap(([id, app]) => (app === undefined ? [] : [[id, app] as const]))),
      answer.value.apps,
    );
    lost = new Map([...kept, ...known]);
    // Before the first answer that is believed, only HAProxy knows what is missing, and it serves on by itself.
    if (known.size === kept.length) trusted = withHeld(answer, known, trusted);
  }

  const wasRemoved = (app: AppId): boolean => {
    const word = removed.get(app);
    return word !== undefined && clock.now() - word.at <= REMOVED_MS;
  };

  /** An app that was destroyed and is there again can be missed again. */
  function remember(apps: readonly App[], scope: Scope): void {
    const asked = scope === 'all' ? [...removed.keys()] : scope.filter((app) => removed.has(app));
    if (asked.length === 0) return;
    const shown = new Set(apps.map(({ id }) => id));
    for (const app of asked) {
      const { at, seen } = removed.get(app) ?? { at: clock.now(), seen: false };
      if (!shown.has(app)) removed.set(app, { at, seen: true });
      else if (seen || clock.now() - at > LATE_MS) removed.delete(app);
    }
  }

  /** A 404 explains nothing while events come: one of them would have told. */
  function explained(app: AppId): boolean {
    const { gone, stopping, leaderElected, listeningSince } = others.says();
    const unheard = listeningSince === undefined || goodAt === undefined || listeningSince > goodAt;
    return wasRemoved(app) || stopping.has(app) || (gone.has(app) && !others.shows(app) && leaderElected && unheard);
  }

  function wants(): Scope {
    const hold = guard.current();
    if (hold === undefined) return [];
    if (clock.now() - askedAt >= everyMs) return 'all';
    const witness = others.news();
    if (witness === undefined) return [];
    return witness.betterList ? 'all' : [...witness.there].slice(0, MOST_READ);
  }

  return {
    hear,
    judge,
    wants,
    asked() {
      askedAt = clock.now();
    },
    wake: () =>
      guard.current() === undefined
        ? undefined
        : { at: (askedAt + everyMs) as Instant, scope: [], reason: 'held answer' },
    removed(apps) {
      const now = clock.now();
      for (const [app, { at }] of removed) if (now - at > REMOVED_MS) removed.delete(app);
      for (const app of apps) removed.set(app, { at: now, seen: removed.get(app)?.seen ?? false });
    },
    accept() {
      accepted = guard.current() !== undefined;
      return accepted;
    },
  };
}
