/** A JSON object of which nothing is known yet. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** True for JSON objects, not for arrays and null. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value at `name`; absent and `null` are the same to every Marathon (marathon-api 1.2), hence `undefined` for both.
 * `name` is one of Marathon's, never foreign: none of them is found on the prototype of what `JSON.parse` makes.
 */
export function field(record: JsonRecord, name: string): unknown {
  return record[name] ?? undefined;
}

/** The object at `name`, or an empty one. */
export function recordAt(record: JsonRecord, name: string): JsonRecord {
  const value = field(record, name);
  return isRecord(value) ? value : {};
}

/** The list at `name`, or an empty one. */
export function listAt(record: JsonRecord, name: string): readonly unknown[] {
  const value = field(record, name);
  return Array.isArray(value) ? value : [];
}

/** The string at `name`, or an empty one. */
export function textAt(record: JsonRecord, name: string): string {
  const value = field(record, name);
  return typeof value === 'string' ? value : '';
}

/** The number at `name` if it lies in `[min, max]`; NaN, infinities and everything else are `undefined`. */
export function numberAt(record: JsonRecord, name: string, min: number, max: number): number | undefined {
  const value = field(record, name);
  return typeof value === 'number' && value >= min && value <= max ? value : undefined;
}

/** A port number that something can listen on: a whole number from 1 to 65535. */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** The port number at `name`; 0 ("any", "none yet") and what is no port are `undefined`. */
export function portAt(record: JsonRecord, name: string): number | undefined {
  const value = field(record, name);
  return isPort(value) ? value : undefined;
}
