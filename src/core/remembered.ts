/** Remembers by identity: what is known costs nothing, and what is forgotten is collected with what was made of it. */
export function remembered<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    known.set(key, value);
    return value;
  };
}

/** Remembers what it made the last time, as long as it is given the same things, by identity. */
export function rememberedLast<A extends readonly unknown[], V>(make: (...given: A) => V): (...given: A) => V {
  let last: { readonly given: A; readonly value: V } | undefined;
  return (...given) => {
    if (last === undefined || given.some((one, at) => one !== last?.given[at])) last = { given, value: make(...given) };
    return last.value;
  };
}

/** Remembers what it made the last time, as long as it is given something of the same content. */
export function rememberedContent<K, V>(make: (key: K) => V): (key: K) => V {
  let last: { readonly content: string; readonly value: V } | undefined;
  return (key) => {
    const content = JSON.stringify(key);
    if (last?.content !== content) last = { content, value: make(key) };
    return last.value;
  };
}
