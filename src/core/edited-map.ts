/** Edits kept beside a map before both become one: a sixteenth of it, so that copying stays rare and reading quick. */
const ONE_IN = 16;

interface Layers {
  readonly base: ReadonlyMap<unknown, unknown>;
  readonly edits: ReadonlyMap<unknown, unknown>;
}
const layersOf = new WeakMap<ReadonlyMap<unknown, unknown>, Layers>();

/**
 * The map after some edits, `undefined` for what is taken out; the same map when they change nothing. The map itself never
 * changes, and a large one is not copied for a few edits.
 */
export function editedMap<K, V extends NonNullable<unknown>>(
  map: ReadonlyMap<K, V>,
  edits: ReadonlyMap<K, V | undefined>,
): ReadonlyMap<K, V> {
  const effective = [...edits].filter(([key, value]) => map.get(key) !== value);
  if (effective.length === 0) return map;
  const known = layersOf.get(map);
  // Only this function makes layers, and only of maps of one kind.
  const base = (known?.base ?? map) as ReadonlyMap<K, V>;
  const all = new Map([...((known?.edits ?? []) as Iterable<[K, V | undefined]>), ...effective]);
  if (all.size * ONE_IN > base.size) return flattened(base, all);
  const layered = layer(base, all);
  layersOf.set(layered, { base, edits: all });
  return layered;
}

function flattened<K, V>(base: ReadonlyMap<K, V>, edits: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
  const map = new Map(base);
  for (const [key, value] of edits) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
}

function layer<K, V>(base: ReadonlyMap<K, V>, edits: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
  const get = (key: K): V | undefined => (edits.has(key) ? edits.get(key) : base.get(key));
  const size = [...edits].reduce(
    (sum, [key, value]) => sum + Number(value !== undefined) - Number(base.has(key)),
    base.size,
  );
  function* entries(): Generator<[K, V], undefined> {
    for (const [key, value] of base) {
      const now = edits.has(key) ? edits.get(key) : value;
      if (now !== undefined) yield [key, now];
    }
    for (const [key, value] of edits) if (value !== undefined && !base.has(key)) yield [key, value];
    return undefined;
  }
  const map: ReadonlyMap<K, V> = {
    size,
    get,
    has: (key) => get(key) !== undefined,
    entries,
    keys: () => each(entries(), ([key]) => key),
    values: () => each(entries(), ([, value]) => value),
    forEach: (visit) => {
      for (const [key, value] of entries()) visit(value, key, map);
    },
    [Symbol.iterator]: entries,
  };
  return map;
}

function* each<T, U>(items: Iterable<T>, of: (item: T) => U): Generator<U, undefined> {
  for (const item of items) yield of(item);
  return undefined;
}
