/** A JSON object whose members are not known yet. */
export type Json = Readonly<Record<string, unknown>>;

/** The value as an object; arrays and null are none. */
export function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** The value as an array; anything else is an empty one. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value as text, if it is text. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value as a finite number, if it is one. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The members of an object whose values are texts. */
export function asTexts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(entries.flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])));
}

/** JSON with sorted keys: equal values give equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    const object = asObject(part);
    return object === undefined
      ? part
      : Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** The object without members that are undefined, null, `[]` or `{}`. */
export function withoutEmpty(object: Json): Json {
  const filled = (value: unknown): boolean => {
    if (value === undefined || value === null) return false;
    if (Array.isArray(value)) return value.length > 0;
    const inner = asObject(value);
    return inner === undefined || Object.keys(inner).length > 0;
  };
  return Object.fromEntries(Object.entries(object).filter(([, value]) => filled(value)));
}

/** The object without members that are undefined. */
export function defined(object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
