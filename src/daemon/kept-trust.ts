import type { App, AppId, Instant, Snapshot, Version } from '../core/app.ts';
import { withHeld, withoutTaken } from '../core/held-apps.ts';
import { losses, servedLosses, type Weights, weightsOf } from '../core/losses.ts';
import type { Checked } from '../core/problem.ts';
import type { Served } from '../core/served.ts';
import { createShrinkGuard, type ShrinkVerdict } from '../core/shrink-guard.ts';
import { appNamed } from '../core/stand-in.ts';
import type { Hold } from '../core/trust.ts';
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
  /** An operator agrees with what is held, and with nothing that is lost beside it meanwhile. False: nothing is held. */
  accept(): boolean;
}

/** An event's word that an app is destroyed. */
interface Word {
  readonly at: Instant;
  /** An answer lacked the app since. */
  readonly seen: boolean;
  /** What was configured then, where that is known. */
  readonly was: Version | undefined;
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
  /** The newest full answer has no app at all. */
  let empty = false;
  const removed = new Map<AppId, Word>();
  /** The apps whose loss an operator agrees with. */
  let accepted: ReadonlySet<AppId> = new Set();
  let askedAt = Number.NEGATIVE_INFINITY;
  const others = createKeptWitness({ source, clock, emit });

  function hear(answer: Checked<Snapshot>, scope: Scope): void {
    heard = answer;
    moved = true;
    if (removed.size > 0) remember(answer.value, scope);
    if (scope !== 'all') readOneByOne(answer.value, scope);
    else [fresh, empty] = [true, answer.value.apps.length === 0];
  }

  /**
   * Some of what is held was asked for by itself, and is there: the list is wrong. Others are gone, though nobody said that they go:
   * of many that is as doubtful as of a list.
   */
  function readOneByOne(now: Snapshot, scope: readonly AppId[]): void {
    const found = scope.flatMap((id) => {
      const app = lost.has(id) ? appNamed(now, id) : undefined;
      return app !== undefined && app.tasks.length > 0 ? [app] : [];
    });
    others.saw(found.map(({ id }) => id));
    const missed = scope.flatMap((id) => {
      const was = lost.has(id) || appNamed(now, id) !== undefined || explained(id) ? undefined : trustedAs(id);
      return was ?? [];
    });
    if (found.length + missed.length > 0)
      lost = new Map([...lost, ...[...found, ...missed].map((app) => [app.id, app] as const)]);
  }

  const trustedAs = (id: AppId): App | undefined => (trusted === undefined ? undefined : appNamed(trusted.value, id));

  function judge(signal: AbortSignal): Checked<Snapshot> | undefined {
    if (heard === undefined) return undefined;
    if (moved || guard.current() !== undefined) look(heard, signal);
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
        empty: empty && shown.size === 0,
        fresh,
        shows: (app) => shown.has(app) && !lost.has(app),
        explained,
        contradicted: others.shows,
        witnessed: others.haveAnswered(),
        accepted: accepted.size > 0 && [...lost.keys()].every((app) => accepted.has(app) || explained(app)),
        now: clock.now(),
      });
      take(verdict, answer);
    }
    const hold = guard.current();
    const news = fresh || hold?.lost !== before?.lost;
    if (hold !== undefined && news) emit({ type: 'shrink-held', hold, again: before !== undefined });
    if (hold !== undefined) others.ask([...lost.keys()], everyMs, signal);
    [fresh, moved] = [false, false];
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
      accepted = new Set();
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

  /** An app that was destroyed and is there again, or anew, can be missed again. */
  function remember(now: Snapshot, scope: Scope): void {
    for (const id of scope === 'all' ? [...removed.keys()] : scope) {
      const word = removed.get(id);
      if (word === undefined) continue;
      const is = appNamed(now, id);
      const isAnew = word.seen || (word.was !== undefined && is?.configVersion !== word.was);
      if (is === undefined) removed.set(id, { ...word, seen: true });
      else if (isAnew || clock.now() - word.at > LATE_MS) removed.delete(id);
    }
  }

  /** A 404 explains nothing while events come: one of them would have told. */
  function explained(app: AppId): boolean {
    const { gone, stopping, leaderElected, listeningSince } = others.says();
    const unheard = listeningSince === undefined || goodAt === undefined || listeningSince > goodAt;
    return wasRemoved(app) || stopping.has(app) || (gone.has(app) && !others.shows(app) && leaderElected && unheard);
  }

  /** What was only read app by app is asked of a list soon. */
  const askAgainAt = (hold: Hold): Instant => (askedAt + (hold.answers === 0 ? LEAST_MS : everyMs)) as Instant;

  function wants(): Scope {
    const hold = guard.current();
    if (hold === undefined) return [];
    if (clock.now() >= askAgainAt(hold)) return 'all';
    const witness = others.news();
    if (witness === undefined) return [];
    if (witness.betterList) return 'all';
    // Those first of which this life knows nothing: without them nothing else can go on.
    const isKnown = (app: AppId): boolean => lost.get(app) !== undefined;
    return [...witness.there].sort((a, b) => Number(isKnown(a)) - Number(isKnown(b))).slice(0, MOST_READ);
  }

  return {
    hear,
    judge,
    wants,
    asked() {
      askedAt = clock.now();
    },
    wake() {
      const hold = guard.current();
      return hold === undefined ? undefined : { at: askAgainAt(hold), scope: [], reason: 'held answer' };
    },
    removed(apps) {
      const now = clock.now();
      for (const [app, { at }] of removed) if (now - at > REMOVED_MS) removed.delete(app);
      for (const app of apps) {
        const before = removed.get(app);
        removed.set(app, { at: now, seen: before?.seen ?? false, was: before?.was ?? trustedAs(app)?.configVersion });
      }
    },
    accept() {
      if (guard.current() === undefined) return false;
      accepted = new Set(lost.keys());
      return true;
    },
  };
}
