import type { Loaded } from './loaded.ts';
import type { Placement } from './placement.ts';
import type { CheckKind } from './routing.ts';
import type { SpareKind } from './spares.ts';
import { kindOfSpare } from './spares.ts';

/** How many spares of a kind and check there are. A server with another check cannot go there, so these run out one by one. */
export interface SpareCount {
  readonly kind: SpareKind;
  readonly check: CheckKind;
  readonly total: number;
  /** They carry an app until the next reload gives it a backend of its own. */
  readonly used: number;
  /** Their app left, and they were not yet seen empty. */
  readonly emptying: number;
  readonly free: number;
}

/** Free ones of all: from here on they count as few (haproxy-runtime 4.3). */
const FEW = 0.1;

/** The spares of the running configuration, in its order. */
function countSpares({ spares }: Pick<Loaded, 'spares'>, placement: Placement): readonly SpareCount[] {
  const taken = new Set(placement.places.values());
  const groups = Map.groupBy(spares.values(), (spare) => `${kindOfSpare(spare)} ${spare.profile.check}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const used = group.filter(({ name }) => taken.has(name)).length;
    const emptying = group.filter(({ name }) => placement.emptying.has(name) && !taken.has(name)).length;
    const free = group.length - used - emptying;
    return { kind: kindOfSpare(first), check: first.profile.check, total: group.length, used, emptying, free };
  });
}

/** `countSpares`, remembering its last answer: the same object while nothing has changed. */
export function createSpareCounter(): (loaded: Loaded, placement: Placement) => readonly SpareCount[] {
  let last:
    | { readonly loaded: Loaded; readonly placement: Placement; readonly counts: readonly SpareCount[] }
    | undefined;
  return (loaded, placement) => {
    if (last?.loaded !== loaded || last.placement !== placement) {
      last = { loaded, placement, counts: countSpares(loaded, placement) };
    }
    return last.counts;
  };
}

const isFew = ({ total, free }: SpareCount): boolean => free <= total * FEW;

/** Whether two counts say the same. */
export const sameCounts = (a: readonly SpareCount[], b: readonly SpareCount[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((count, at) => {
      const other = b[at];
      return count.total === other?.total && count.used === other.used && count.free === other.free;
    }));

/** Those of which few are left now, and were not before. */
export function newlyFew(before: readonly SpareCount[], now: readonly SpareCount[]): readonly SpareCount[] {
  const were = new Set(before.filter(isFew).map(({ kind, check }) => `${kind} ${check}`));
  return now.filter((count) => isFew(count) && !were.has(`${count.kind} ${count.check}`));
}
