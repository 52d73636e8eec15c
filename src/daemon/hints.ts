import type { AppId, Instant } from '../core/app.ts';
import type { ChangeHint, PassCause } from '../core/ports.ts';

/** Everything, or some apps; none means: nothing to fetch, look at the rest again. */
export type Scope = ChangeHint['scope'];

/** Reasons kept of a burst: enough to say what it was. */
const MAX_REASONS = 20;

/** What was hinted and not yet answered. There is no queue: hints join one set. */
export interface Hints {
  add(hint: ChangeHint, arrivedAt: Instant): void;
  /** Looks at the hint's apps at `dueAt`, unless they are looked at before. True: others are due before them. */
  defer(hint: ChangeHint, dueAt: Instant): boolean;
  /** When the next of the deferred apps is to be looked at; undefined: none is. */
  deferredUntil(): Instant | undefined;
  /** Gives a cause back whose pass failed: it is answered with the next pass, but does not hurry it. */
  putBack(cause: PassCause, scope: Scope): void;
  /** Everything hinted so far, as one cause, without what is deferred beyond `now`. */
  take(now: Instant): PassCause;
  /** Arrival of the first and the last hint since the last `take`; undefined when none came. */
  burst(): { readonly firstAt: Instant; readonly lastAt: Instant } | undefined;
}

/** An empty set of hints. */
export function createHints(): Hints {
  let cause: PassCause | undefined;
  let burst: { firstAt: Instant; lastAt: Instant } | undefined;
  /** In the order in which they are due. */
  const deferred = new Map<AppId, { readonly reason: string; readonly dueAt: Instant }>();

  /** What is due joins the cause. Nothing was to be seen of it before its time, so that it has waited for no longer. */
  function joinDue(now: Instant): void {
    const due = [...deferred].filter(([, { dueAt }]) => dueAt <= now);
    const [first] = due;
    if (first === undefined) return;
    const reasons = [...new Set(due.map(([, { reason }]) => reason))];
    cause = join(cause, { reasons, scope: due.map(([app]) => app), since: first[1].dueAt });
  }

  return {
    add(hint, arrivedAt) {
      cause = join(cause, { reasons: [hint.reason], scope: hint.scope, since: hint.at });
      burst = { firstAt: burst?.firstAt ?? arrivedAt, lastAt: arrivedAt };
    },
    defer({ scope, reason }, dueAt) {
      const others = deferred.size > 0;
      if (scope !== 'all') for (const app of scope) if (!deferred.has(app)) deferred.set(app, { reason, dueAt });
      return others;
    },
    deferredUntil() {
      const [next] = deferred.values();
      return next?.dueAt;
    },
    putBack(failed, scope) {
      const again = { ...failed, scope };
      cause = cause === undefined ? again : join(again, cause);
    },
    take(now) {
      joinDue(now);
      const taken = cause ?? { reasons: ['retry'], scope: [], since: now };
      if (taken.scope === 'all') deferred.clear();
      else for (const app of taken.scope) deferred.delete(app);
      cause = undefined;
      burst = undefined;
      return taken;
    },
    burst: () => burst,
  };
}

function join(a: PassCause | undefined, b: PassCause): PassCause {
  if (a === undefined) return b;
  return {
    reasons: [...new Set([...a.reasons, ...b.reasons])].slice(0, MAX_REASONS),
    scope: joinScopes(a.scope, b.scope),
    since: a.since < b.since ? a.since : b.since,
  };
}

/** Everything that either of them asks for. */
export function joinScopes(a: Scope, b: Scope): Scope {
  if (a === 'all' || b === 'all') return 'all';
  return [...new Set<AppId>([...a, ...b])];
}
