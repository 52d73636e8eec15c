import type { AppId, Instant } from './app.ts';

/** Apps that an answer of the source lacks and that are served on, because nothing explains where they went. */
export interface Hold {
  /** When the first of the equal answers came. */
  readonly since: Instant;
  /** Not accepted for its repetition alone before this. */
  readonly until: Instant;
  /** Served routes and service ports that would go. */
  readonly lost: number;
  /** Of so many. */
  readonly of: number;
  /** Some of them, sorted; at most `APPS_NAMED`. */
  readonly apps: readonly AppId[];
  /** How many apps they are. */
  readonly appCount: number;
  /** Full answers in a row that lack the same. */
  readonly answers: number;
  /** Which of the limits it went over. */
  readonly because: 'everything' | 'share' | 'empty-list';
}

/** Apps that a hold names. */
export const APPS_NAMED = 20;

/** How a hold ended: the source explained the loss, said it often enough, an operator agreed, or the apps were back. */
export type HoldEnd = 'explained' | 'repeated' | 'operator' | 'refuted';

/** What others say about apps that an answer lacks. */
export interface Witness {
  /** Somebody shows them with tasks. */
  readonly there: ReadonlySet<AppId>;
  /** Marathon itself says that there are none such, in words that only Marathon has. */
  readonly gone: ReadonlySet<AppId>;
  /** Being stopped by a running deployment. */
  readonly stopping: ReadonlySet<AppId>;
  /** A leader was elected while this was asked. */
  readonly leaderElected: boolean;
  /** Since when events come without a gap; absent while none do. */
  readonly listeningSince?: Instant;
  /** Another master's list shows some of them, and is the next one to be read. */
  readonly betterList: boolean;
  /** Who answered. */
  readonly asked: readonly string[];
}

/** Nobody else was asked. */
export const NO_WITNESS: Witness = {
  there: new Set(),
  gone: new Set(),
  stopping: new Set(),
  leaderElected: false,
  betterList: false,
  asked: [],
};
