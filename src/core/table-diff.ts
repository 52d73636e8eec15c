import { commonEnds } from './list-maker.ts';
import { byFirst, byText } from './order.ts';
import type { AppIdRoute, Backend, Route, RoutingTable, ServiceFrontend } from './routing.ts';

/** What one list has and the other has not, by identity. */
export interface ListDiff<T> {
  readonly removed: readonly T[];
  readonly added: readonly T[];
}

const SAME: ListDiff<never> = { removed: [], added: [] };

/**
 * The objects that only one of two sorted lists holds. One pass in which an object that stayed costs one comparison of
 * identities. Lists out of order only cost more: nothing is ever missed, as what did not meet itself is in the answer.
 */
export function listDiff<T>(before: readonly T[], after: readonly T[], compare: (a: T, b: T) => number): ListDiff<T> {
  if (before === after) return SAME;
  const removed: T[] = [];
  const added: T[] = [];
  const { head, tail } = commonEnds(before, after);
  let i = head;
  let j = head;
  while (i < before.length - tail || j < after.length - tail) {
    const a = i < before.length - tail ? before[i] : undefined;
    const b = j < after.length - tail ? after[j] : undefined;
    if (a === b) {
      i++;
      j++;
      continue;
    }
    const order = a === undefined ? 1 : b === undefined ? -1 : compare(a, b);
    if (order <= 0 && a !== undefined) {
      removed.push(a);
      i++;
    }
    if (order >= 0 && b !== undefined) {
      added.push(b);
      j++;
    }
  }
  return { removed, added };
}

/** The order of `RoutingTable.backends`. */
export const byName = (a: Backend, b: Backend): number => byText(a.name, b.name);
/** The order of `RoutingTable.routes`. */
export const byRoute = (a: Route, b: Route): number =>
  byFirst(byText(a.host, b.host), byText(a.path ?? '', b.path ?? ''), Number(a.ignoreCase) - Number(b.ignoreCase));
/** The order of `RoutingTable.appIds`. */
export const byAppId = (a: AppIdRoute, b: AppIdRoute): number => byText(a.appId, b.appId);
/** The order of `RoutingTable.services`. */
export const byFirstBind = (a: ServiceFrontend, b: ServiceFrontend): number =>
  byFirst(
    (a.binds[0]?.port ?? 0) - (b.binds[0]?.port ?? 0),
    byText(a.binds[0]?.address ?? '', b.binds[0]?.address ?? ''),
    byText(a.name, b.name),
  );

/** Index of the first backend whose name is not before `name`. */
export function indexOfName(backends: readonly Backend[], name: string): number {
  let low = 0;
  let high = backends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = backends[middle];
    if (found !== undefined && found.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A table's backend of that name, found by its order. */
export function backendNamed({ backends }: Pick<RoutingTable, 'backends'>, name: string): Backend | undefined {
  const found = backends[indexOfName(backends, name)];
  return found?.name === name ? found : undefined;
}
