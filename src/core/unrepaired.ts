import type { PathMatch } from './path-match.ts';
import type { RoutingTable } from './routing.ts';
import type { ObservedRuntime } from './runtime.ts';
import { type Asked, type Difference, differences, formatDifference } from './runtime-difference.ts';
import type { RuntimePlan } from './runtime-plan.ts';

/** A running HAProxy had it: what it never had is among the needs. */
const LOST: ReadonlySet<Difference['what']> = new Set(['backend-missing', 'server-missing', 'server-address']);

/** Of what HAProxy has lost of the wanted table, what a plan's commands do not bring back. */
export function unrepaired(
  observed: ObservedRuntime,
  asked: Asked,
  wanted: RoutingTable,
  { needs, target }: Pick<RuntimePlan, 'needs' | 'target'>,
  pathMatch: PathMatch,
): readonly Difference[] {
  if (needs.length === 0) return [];
  const brought = new Set(differences(observed, asked, target, pathMatch).map(formatDifference));
  return differences(observed, asked, wanted, pathMatch).filter(
    (one) => LOST.has(one.what) && !brought.has(formatDifference(one)),
  );
}
