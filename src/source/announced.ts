import { announcedChanges } from '../core/announced-changes.ts';
import type { AppId, Instant, Snapshot } from '../core/app.ts';
import type { Clock } from '../core/ports.ts';
import type { MarathonTimings } from './timings.ts';

/** Compares what is read with what events told, and finds out that the stream which should tell them is deaf. */
export interface Announced {
  /** Another stream is opened; aborted when it turns out to be deaf. */
  stream(): AbortSignal;
  /** From now on every change is told. */
  attached(endpoint: string): void;
  lost(): void;
  /** An event is about these apps. */
  heard(scope: 'all' | readonly AppId[]): void;
  /** These apps were read by themselves; the read began then. */
  readSome(apps: readonly AppId[], startedAt: Instant): void;
  /** All apps were read: what was known before, and what is now. Returns at once; the stream is judged later. */
  readAll(before: Snapshot | undefined, after: Snapshot, startedAt: Instant): void;
}

/** What watching over the stream touches. */
export interface AnnouncedParts {
  readonly clock: Clock;
  readonly timings: Pick<MarathonTimings, 'earlyWord' | 'lateWord'>;
  /** Nothing was told of changes in these apps. */
  readonly deaf: (endpoint: string, apps: readonly AppId[]) => void;
}

/** The stream as it is attached now. */
interface Session {
  readonly endpoint: string;
  readonly since: Instant;
  /** A full read has begun and ended since: the next one is compared with it. */
  based: boolean;
}

/** Nothing is attached. */
export function createAnnounced({ clock, timings, deaf }: AnnouncedParts): Announced {
  const { earlyWord, lateWord } = timings;
  let cut = new AbortController();
  let session: Session | undefined;
  /** Apps that events named and no read has answered since, with the time of the last word. */
  const told = new Map<AppId, Instant>();
  let allTold: Instant | undefined;

  const isTold = (app: AppId): boolean => allTold !== undefined || told.has(app);

  /** A word is answered by a read that began a good while after it. */
  const isAnswered = (at: Instant, startedAt: Instant): boolean => at < startedAt - earlyWord;

  function answerAll(startedAt: Instant): void {
    for (const [app, at] of told) if (isAnswered(at, startedAt)) told.delete(app);
    if (allTold !== undefined && isAnswered(allTold, startedAt)) allTold = undefined;
  }

  /** Words may come a little after what they are about can be read; in two steps, so that what has arrived by then is heard. */
  async function judge(of: Session, apps: readonly AppId[], signal: AbortSignal): Promise<void> {
    for (let step = 0; step < 2; step++) await clock.sleep(lateWord / 2, signal);
    const silent = apps.filter((app) => !isTold(app));
    if (silent.length === 0 || signal.aborted || session !== of) return;
    session = undefined;
    deaf(of.endpoint, silent);
    cut.abort(DEAF);
  }

  return {
    stream() {
      cut = new AbortController();
      return cut.signal;
    },
    attached(endpoint) {
      session = { endpoint, since: clock.now(), based: false };
    },
    lost() {
      session = undefined;
      told.clear();
      allTold = undefined;
    },
    heard(scope) {
      if (scope === 'all') allTold = clock.now();
      else for (const app of scope) told.set(app, clock.now());
    },
    readSome(apps, startedAt) {
      for (const app of apps) {
        const at = told.get(app);
        if (at !== undefined && isAnswered(at, startedAt)) told.delete(app);
      }
    },
    readAll(before, after, startedAt) {
      if (session?.based === true && before !== undefined) {
        const silent = announcedChanges(before.apps, after.apps).filter((app) => !isTold(app));
        if (silent.length > 0) void judge(session, silent, cut.signal);
      }
      if (session !== undefined && startedAt >= session.since) session.based = true;
      answerAll(startedAt);
    },
  };
}

/** Why a stream is closed that tells nothing. */
const DEAF = 'deaf';
