import type { AppId, Version } from './app.ts';

/** Asks for the oldest version of an app whose definition passes. `none`: none that is still known does; undefined: not known now. */
export type EarliestVersion = (
  app: AppId,
  passes: (definition: unknown) => boolean,
  signal: AbortSignal,
) => Promise<Version | 'none' | undefined>;
