import { commonEnds } from './list-maker.ts';

/** What is different between two collections, by identity: a thing that was replaced by an equal one is in both. */
export interface Difference<T> {
  readonly gone: readonly T[];
  readonly came: readonly T[];
}

/** Walks two lists in the same strict order at once: cheap where most of one is most of the other. */
export function difference<T>(before: readonly T[], after: readonly T[], order: (a: T, b: T) => number): Difference<T> {
  const gone: T[] = [];
  const came: T[] = [];
  const { head, tail } = commonEnds(before, after);
  let [b, a] = [head, head];
  while (b < before.length - tail || a < after.length - tail) {
    const was = b < before.length - tail ? before[b] : undefined;
    const is = a < after.length - tail ? after[a] : undefined;
    // What is the same is passed over without a look into it: that alone would cost more than all the rest.
    const sooner = was === is ? undefined : was === undefined ? 1 : is === undefined ? -1 : order(was, is);
    if (sooner !== undefined && sooner <= 0 && was !== undefined) gone.push(was);
    if (sooner !== undefined && sooner >= 0 && is !== undefined) came.push(is);
    if (sooner === undefined || sooner <= 0) b++;
    if (sooner === undefined || sooner >= 0) a++;
  }
  return { gone, came };
}

/** Several differences of the same collection as one. */
export function joined<T>(...parts: readonly Difference<T>[]): Difference<T> {
  return { gone: parts.flatMap(({ gone }) => gone), came: parts.flatMap(({ came }) => came) };
}

/** The difference of what things are made of. */
export function differenceOf<T, U>({ gone, came }: Difference<T>, parts: (item: T) => readonly U[]): Difference<U> {
  return { gone: gone.flatMap(parts), came: came.flatMap(parts) };
}

/**
 * A sorted list after a difference; the same list when there is none: what went and came again never left. Items that `order`
 * does not tell apart must say the same.
 */
export function sortedAfter<T>(
  list: readonly T[],
  { gone, came }: Difference<T>,
  order: (a: T, b: T) => number,
): readonly T[] {
  const [had, has] = [new Set(gone), new Set(came)];
  const left = [...had].filter((item) => !has.has(item));
  const added = [...has].filter((item) => !had.has(item));
  if (left.length === 0 && added.length === 0) return list;
  if ((left.length + added.length) * 8 > list.length) {
    const out = new Set(left);
    return [...list.filter((item) => !out.has(item)), ...added].sort(order);
  }
  if (left.length <= 1 && added.length <= 1) return withOne(list, left[0], added[0], order);
  const now = [...list];
  for (const item of left) {
    const at = placeOf(now, item, order);
    if (at >= 0) now.splice(at, 1);
  }
  for (const item of added) now.splice(firstNotBefore(now, item, order), 0, item);
  return now;
}

/** A sorted list with one item less, one more or one in place of another: in as few copies as that takes, it is as large as the cluster. */
function withOne<T>(
  list: readonly T[],
  left: T | undefined,
  added: T | undefined,
  order: (a: T, b: T) => number,
): readonly T[] {
  const from = left === undefined ? -1 : placeOf(list, left, order);
  if (added === undefined) return from < 0 ? list : list.toSpliced(from, 1);
  const to = firstNotBefore(list, added, order);
  if (from < 0) return list.toSpliced(to, 0, added);
  if (from === to) return list.with(from, added);
  return list.toSpliced(from, 1).toSpliced(from < to ? to - 1 : to, 0, added);
}

/** Where the item is in a sorted list; -1: nowhere. */
function placeOf<T>(list: readonly T[], item: T, order: (a: T, b: T) => number): number {
  return list.indexOf(item, firstNotBefore(list, item, order));
}

/** Where in a sorted list the items begin that do not stand before `item`. */
function firstNotBefore<T>(list: readonly T[], item: T, order: (a: T, b: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = list[middle];
    if (there !== undefined && order(there, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
