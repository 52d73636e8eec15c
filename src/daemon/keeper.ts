import type { Problem } from '../core/problem.ts';
import type { Wake } from './pass.ts';

/** Keeps something from pass to pass that time, or a look outside, may end. */
export interface Keeper {
  /** When it wants a pass. */
  wake?(): Wake | undefined;
  /** The same inputs may come to something else than they did. */
  isDue?(): boolean;
  /** What the owners of apps are to be told. */
  problems?(): readonly Problem[];
  /** Looks outside; called after the first pass and from time to time, beside the others and never beside itself. */
  tend?(signal: AbortSignal): Promise<void>;
}

/** The wish that comes first. */
export function earliest(wishes: readonly (Wake | undefined)[]): Wake | undefined {
  let first: Wake | undefined;
  for (const wish of wishes) if (wish !== undefined && (first === undefined || wish.at < first.at)) first = wish;
  return first;
}
