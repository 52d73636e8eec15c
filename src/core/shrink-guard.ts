import type { AppId, Instant } from './app.ts';
import type { Weights } from './losses.ts';
import { byText } from './order.ts';
import { APPS_NAMED, type Hold, type HoldEnd } from './trust.ts';

/** When an answer lacks too much, and how long it has to repeat to be believed all the same. */
export interface ShrinkLimits {
  /** Percent of what is served. */
  readonly share: number;
  /** Routes and service ports that may go whatever share they are. */
  readonly routes: number;
  /** Milliseconds; 0: everything is believed at once. */
  readonly holdMs: number;
  readonly answers: number;
}

/** One look at the newest full answer. */
export interface ShrinkQuestion {
  /** Apps that were believed to be there and that it lacks, explained or not. */
  readonly lost: readonly AppId[];
  /** What runs now. */
  readonly weights: Weights;
  /** It has no app at all. */
  readonly empty: boolean;
  /** It was not looked at before. */
  readonly fresh: boolean;
  /** It shows this app. */
  readonly shows: (app: AppId) => boolean;
  /** Somebody who must know says that the app goes. */
  readonly explained: (app: AppId) => boolean;
  /** Somebody else shows the app: the answer is wrong. */
  readonly contradicted: (app: AppId) => boolean;
  /** Others were asked about what is held, and have answered or had their time. */
  readonly witnessed: boolean;
  /** An operator agrees. */
  readonly accepted: boolean;
  readonly now: Instant;
}

/** What to do about it. `ended`: of what was held until now. */
export type ShrinkVerdict =
  | { readonly kind: 'pass'; readonly ended?: EndedHold }
  /** `apps` stay as they were, all others are as the answer says. */
  | { readonly kind: 'hold'; readonly hold: Hold; readonly apps: ReadonlySet<AppId> };

/** A hold that is over; `lost` counts routes. */
export interface EndedHold {
  readonly how: HoldEnd;
  readonly lost: number;
  readonly ms: number;
}

/** Remembers what is held, and what went without explanation before: many small losses are a large one. */
export interface ShrinkGuard {
  judge(question: ShrinkQuestion): ShrinkVerdict;
  current(): Hold | undefined;
}

interface Held {
  readonly began: Instant;
  readonly hold: Hold;
  readonly apps: ReadonlySet<AppId>;
}

/** Nothing is held, and nothing was lost yet. */
export function createShrinkGuard(limits: ShrinkLimits): ShrinkGuard {
  let held: Held | undefined;
  /** Let go without an explanation, by time. */
  let dropped: ReadonlyMap<AppId, { readonly at: Instant; readonly weight: number }> = new Map();

  const weigh = (apps: readonly AppId[], weights: Weights): number =>
    apps.reduce((sum, app) => sum + (weights.get(app) ?? 0), 0);

  function end(how: HoldEnd, now: Instant): ShrinkVerdict {
    const was = held;
    held = undefined;
    if (was === undefined) return { kind: 'pass' };
    return { kind: 'pass', ended: { how, lost: was.hold.lost, ms: now - was.began } };
  }

  /** Within the limits: what goes is remembered for a while. */
  function letGo(unexplained: readonly AppId[], question: ShrinkQuestion): ShrinkVerdict {
    const { weights, now, lost } = question;
    const heavy = unexplained.flatMap((app) => {
      const weight = weights.get(app);
      return weight === undefined ? [] : [[app, { at: now, weight }] as const];
    });
    if (heavy.length > 0) dropped = new Map([...dropped, ...heavy]);
    return end(lost.length > unexplained.length ? 'explained' : 'refuted', now);
  }

  function hold(unexplained: readonly AppId[], because: Hold['because'], size: Size, question: ShrinkQuestion): Held {
    const { fresh, now } = question;
    const left = [...(held?.apps ?? [])].filter((app) => !question.explained(app));
    const before = held?.apps;
    const same = left.length === unexplained.length && unexplained.every((app) => before?.has(app) === true);
    const wrong = unexplained.some(question.contradicted);
    const goesOn = held !== undefined && !wrong && (same || !fresh);
    const answers = (goesOn ? (held?.hold.answers ?? 0) : 0) + (fresh ? 1 : 0);
    const since = goesOn ? (held?.hold.since ?? now) : now;
    return {
      began: held?.began ?? now,
      apps: new Set(unexplained),
      hold: {
        since,
        until: (since + limits.holdMs) as Instant,
        ...size,
        apps: unexplained.toSorted(byText).slice(0, APPS_NAMED),
        appCount: unexplained.length,
        answers,
        because,
      },
    };
  }

  function judge(question: ShrinkQuestion): ShrinkVerdict {
    const { lost, weights, now } = question;
    dropped = new Map(
      [...dropped].filter(
        ([app, { at }]) => now - at < limits.holdMs && !question.shows(app) && !question.explained(app),
      ),
    );
    const unexplained = lost.filter((app) => !question.explained(app));
    const earlier = [...dropped.values()].reduce((sum, { weight }) => sum + weight, 0);
    const served = [...weights].reduce((sum, [app, weight]) => (dropped.has(app) ? sum : sum + weight), 0);
    const size = { lost: weigh(unexplained, weights), of: served + earlier };
    const because = size.lost === 0 ? undefined : limit(limits, size.lost + earlier, size.of, question.empty);
    if (because === undefined) return letGo(unexplained, question);
    const next = hold(unexplained, because, size, question);
    const { answers, since } = next.hold;
    const wrong = unexplained.some(question.contradicted);
    const repeated = !wrong && question.witnessed && answers >= limits.answers && now - since >= limits.holdMs;
    if (question.accepted || repeated) {
      dropped = new Map();
      held ??= next;
      return end(question.accepted ? 'operator' : 'repeated', now);
    }
    held = next;
    return { kind: 'hold', hold: next.hold, apps: next.apps };
  }

  return { judge, current: () => held?.hold };
}

type Size = Pick<Hold, 'lost' | 'of'>;

/** The limit that a loss goes over. Of few routes every one is a large share: only a list without any app is doubted then. */
function limit(limits: ShrinkLimits, lost: number, of: number, empty: boolean): Hold['because'] | undefined {
  if (limits.holdMs === 0) return undefined;
  if (empty) return 'empty-list';
  if (of <= limits.routes) return undefined;
  if (lost >= of) return 'everything';
  return lost > limits.routes && lost * 100 > limits.share * of ? 'share' : undefined;
}
