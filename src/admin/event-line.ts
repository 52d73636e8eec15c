import type { LogLevel } from '../core/settings.ts';

/** An event as log line and journal entry: free of secrets, bounded in size. */
export interface Description {
  readonly level: Exclude<LogLevel, 'fatal'>;
  /** One line. */
  readonly message: string;
  /** Plain JSON; app ids under `apps`, the generation under `generation`. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Worth keeping on disk. */
  readonly keep: boolean;
}

/** Entries of a list shown with one event; the rest is left out or counted. */
export const MOST_SHOWN = 20;

/** Puts a description together; what is logged by default is also worth keeping. */
export function line(
  level: Description['level'],
  message: string,
  fields: Description['fields'] = {},
  keep = level !== 'debug' && level !== 'trace',
): Description {
  return { level, message, fields, keep };
}

/** The apps of an event, bounded. */
export function appsField(apps: readonly string[]): { readonly apps?: readonly string[]; readonly moreApps?: number } {
  if (apps.length === 0) return {};
  const more = apps.length - MOST_SHOWN;
  return { apps: apps.slice(0, MOST_SHOWN), ...(more > 0 ? { moreApps: more } : {}) };
}

/** The scope of a pass, bounded. */
export const scopeField = (scope: 'all' | readonly string[]): unknown =>
  scope === 'all' ? 'all' : scope.slice(0, MOST_SHOWN);

/** Milliseconds with one digit. */
export const round = (ms: number): number => Math.round(ms * 10) / 10;

/** A number of things in words. */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;
