/** How many items two lists have in common at their beginnings, and at their ends beyond those. */
export function commonEnds(
  a: readonly unknown[],
  b: readonly unknown[],
): { readonly head: number; readonly tail: number } {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return { head, tail };
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
      const between = items.slice(head, items.length - tail).map(make);
      const { length } = made;
      const same = items.length === before.length && between.every((one, at) => one === made[head + at]);
      if (!same) made = [...made.slice(0, head), ...between, ...made.slice(length - tail)];
    }
    before = items;
    return made;
  };
}
