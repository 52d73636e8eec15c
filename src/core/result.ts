/** A string or number that may not be mixed up with another: `AppId`, `TaskId`, … Made only where it was checked. */
export type Brand<T, B extends string> = T & { readonly __brand: B };

/** What an operation that can fail gives: its value, or a failure from a closed union. Failures are values, never thrown. */
export type Result<T, F> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: F };

/** Wraps a success. */
export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

/** Wraps a failure. */
export const fail = <F>(failure: F): { readonly ok: false; readonly failure: F } => ({ ok: false, failure });

/** Ends a switch over a closed union: a new member that nobody handles is a type error here, and a bug at run time. */
export function unreachable(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
