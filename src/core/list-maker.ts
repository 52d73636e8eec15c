/** How many items two lists have in common at their beginnings, and at their ends beyond those. */
export interface CommonEnds {
  readonly head: number;
  readonly tail: number;
}

/** Of a list, what it has in common with the one that it was last compared with: many ask for the same pair. */
const known = new WeakMap<readonly unknown[], CommonEnds & { readonly before: WeakRef<readonly unknown[]> }>();

/** Compares two lists by the identity of their items. Lists must not be changed. */
export function commonEnds(a: readonly unknown[], b: readonly unknown[]): CommonEnds {
  const ends = known.get(b);
  if (ends?.before.deref() === a) return ends;
  const found = compared(a, b);
  setEnds(a, b, found);
  return found;
}

function setEnds(a: readonly unknown[], b: readonly unknown[], { head, tail }: CommonEnds): void {
  known.set(b, { head, tail, before: new WeakRef(a) });
}

function compared(a: readonly unknown[], b: readonly unknown[]): CommonEnds {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return { head, tail };
}

/** More arguments than this are not passed at once: they stand on the stack. */
const MOST_ARGUMENTS = 1_000;

/** A list with others in place of the items from `from` up to `to`. In one copy where that is possible: it is as large as the cluster. */
function spliced<T>(list: readonly T[], from: number, to: number, others: readonly T[]): readonly T[] {
  if (others.length <= MOST_ARGUMENTS) return list.toSpliced(from, to - from, ...others);
  return list.slice(0, from).concat(others, list.slice(to));
}

/**
 * Makes a list of a list, item by item, and keeps what it made at the call before of the items that stand in front of and behind
 * all that is different. The same list when nothing is. `make` must always make the same of an item.
 */
export function createListMaker<K, V>(make: (item: K) => V): (items: readonly K[]) => readonly V[] {
  let before: readonly K[] = [];
  let made: readonly V[] = [];
  return (items) => {
    if (items === before) return made;
    const { head, tail } = commonEnds(before, items);
    if (head !== items.length || head !== before.length) {
      // Most changes put nothing in and take nothing out: what stands between two of them is where it was.
      const inPlace = items.length === before.length;
      const between = items
        .slice(head, items.length - tail)
        .map((item, at) => (inPlace && item === before[head + at] ? (made[head + at] as V) : make(item)));
      const same = items.length === before.length && between.every((one, at) => one === made[head + at]);
      if (!same) {
        const old = made;
        made = spliced(old, head, old.length - tail, between);
        setEnds(old, made, { head, tail });
      }
    }
    before = items;
    return made;
  };
}
