import type { AppId } from '../core/app.ts';
import { NO_WITNESS, type Witness } from '../core/trust.ts';
import type { PassDeps } from './pass.ts';

/** What others say about what an answer lacks. They are asked beside the passes: nobody waits for them. */
export interface KeptWitness {
  /** Asks, unless that is under way or was done less than `everyMs` ago. */
  ask(missing: readonly AppId[], everyMs: number, signal: AbortSignal): void;
  /** Somebody else than the list shows this app. */
  shows(app: AppId): boolean;
  /** The newest word. */
  says(): Witness;
  /** The same, once for each time that others were asked. */
  news(): Witness | undefined;
  /** These apps were read by themselves, and are there. */
  saw(apps: readonly AppId[]): void;
  /** They have answered since all was forgotten. */
  haveAnswered(): boolean;
  forget(): void;
}

/** Nobody was asked. An answer is told as an event. */
export function createKeptWitness({ source, clock, emit }: Pick<PassDeps, 'source' | 'clock' | 'emit'>): KeptWitness {
  let said: Witness | undefined;
  let news: Witness | undefined;
  let seen: ReadonlySet<AppId> = new Set();
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: object | undefined;

  async function askAll(missing: readonly AppId[], signal: AbortSignal): Promise<void> {
    const question = {};
    asking = question;
    askedAt = clock.now();
    const witness = await source.witness(missing, signal).catch((error: unknown) => {
      emit({ type: 'bug', message: String(error), stack: error instanceof Error ? (error.stack ?? '') : '' });
      return NO_WITNESS;
    });
    // What is held may be over, and something else be held meanwhile.
    if (asking !== question) return;
    asking = undefined;
    [said, news, seen] = [witness, witness, new Set()];
    emit({ type: 'shrink-witnessed', witness, ms: clock.now() - askedAt });
  }

  return {
    ask(missing, everyMs, signal) {
      if (asking === undefined && clock.now() - askedAt >= everyMs) void askAll(missing, signal);
    },
    shows: (app) => seen.has(app) || said?.there.has(app) === true,
    says: () => said ?? NO_WITNESS,
    news() {
      const newest = news;
      news = undefined;
      return newest;
    },
    saw(apps) {
      if (apps.length > 0) seen = new Set([...seen, ...apps]);
    },
    haveAnswered: () => said !== undefined,
    forget() {
      [said, news, asking, seen] = [undefined, undefined, undefined, new Set()];
      askedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
