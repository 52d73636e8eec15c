import type { App, Snapshot } from './app.ts';

/**
 * `next`, with every app that says the same as in `previous` replaced by the object that said it: what
 * later stages remember by identity stays valid.
 */
export function keepIdentity(previous: Snapshot | undefined, next: Snapshot): Snapshot {
  if (previous === undefined) return next;
  const known = new Map(previous.apps.map((app) => [app.id, app]));
  return { takenAt: next.takenAt, apps: next.apps.map((app) => keepApp(known.get(app.id), app)) };
}

/** `previous` where it says the same as `app`, else `app`. */
export function keepApp(previous: App | undefined, app: App): App {
  return previous !== undefined && sameContent(previous, app) ? previous : app;
}

/**
 * Equality of what snapshots are made of: texts, numbers, lists, plain objects and maps, in order. Plain loops: a full read
 * compares every field of every task with it.
 */
function sameContent(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a)) return Array.isArray(b) && sameList(a, b);
  if (a instanceof Map) return b instanceof Map && sameMap(a, b);
  return sameFields(a as Record<string, unknown>, b as Record<string, unknown>);
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!sameContent(a[index], b[index])) return false;
  return true;
}

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.entries();
  for (const [key, value] of a) {
    const other = others.next().value;
    if (other === undefined || !sameContent(key, other[0]) || !sameContent(value, other[1])) return false;
  }
  return true;
}

function sameFields(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  let fields = 0;
  for (const name in a) {
    fields++;
    const other = b[name];
    if (!sameContent(a[name], other) || (other === undefined && !Object.hasOwn(b, name))) return false;
  }
  for (const _ in b) fields--;
  return fields === 0;
}
