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

/** Equality of what snapshots are made of: texts, numbers, lists, plain objects and maps, in order. */
function sameContent(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((entry, index) => sameContent(entry, b[index]));
  }
  if (a instanceof Map) return b instanceof Map && sameContent([...a], [...b]);
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameContent(a[name as keyof typeof a], b[name as keyof typeof b]))
  );
}
