import type { Loaded } from './loaded.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { BackendName, RoutingTable, ServiceFrontend } from './routing.ts';
import type { Shapes } from './shapes.ts';
import { byFirstBind, listDiff } from './table-diff.ts';

/** What services depend on. */
interface ServiceReach {
  readonly before: RoutingTable;
  readonly after: RoutingTable;
  readonly loaded: Loaded;
  readonly shapes: Shapes;
  readonly compareAll?: boolean;
}

/**
 * The services that the running configuration can have. Their own frontends are text, and stay as they are; a service of the range
 * is rows of maps, which lead to a backend only if it `may` have them.
 */
export function reachServices(
  { before, after, loaded, shapes, compareAll }: ServiceReach,
  needs: ReloadNeed[],
  may: ((service: ServiceFrontend) => boolean) | undefined,
): readonly ServiceFrontend[] {
  const { removed, added } = listDiff(before.services, after.services, byFirstBind);
  const running = new Map(removed.filter(hasText).map((service) => [service.name, service]));
  const other = new Map<BackendName, ServiceFrontend>();
  let whole = may === undefined;
  for (const wanted of compareAll === true ? after.services : added) {
    if (!hasText(wanted)) continue;
    running.delete(wanted.name);
    const text = loaded.serviceText(wanted.name);
    if (text !== undefined && text === shapes.serviceText(wanted)) {
      other.set(wanted.name, wanted);
      continue;
    }
    whole = false;
    needs.push({ because: text === undefined ? 'service-added' : 'service-changed', service: wanted.name });
  }
  for (const { name } of running.values()) needs.push({ because: 'service-removed', service: name });
  if (whole && running.size === 0) return after.services;
  const rows = after.services.filter((service) => !hasText(service) && may?.(service) !== false);
  return [...runningText(before.services, other), ...rows].sort(byFirstBind);
}

const hasText = ({ inRange }: ServiceFrontend): boolean => inRange === undefined;

/** What runs, with the objects of now where they say the same, and those that were closed in the meantime and are wanted again. */
function runningText(
  before: readonly ServiceFrontend[],
  now: ReadonlyMap<BackendName, ServiceFrontend>,
): readonly ServiceFrontend[] {
  const had = before.filter(hasText);
  const names = new Set(had.map(({ name }) => name));
  const again = [...now.values()].filter(({ name }) => !names.has(name));
  return [...had.map((service) => now.get(service.name) ?? service), ...again];
}
