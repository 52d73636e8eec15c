import { countLeftovers, type Leftovers, MAX_TOMBSTONES } from './leftovers.ts';
import type { Loaded } from './loaded.ts';
import { carries } from './loaded.ts';
import { withOldRows } from './old-rows.ts';
import type { Unplaced } from './placement.ts';
import { reachServers, shrinkServers } from './reach-servers.ts';
import { reachServices } from './reach-services.ts';
import type { ReloadNeed } from './reload-need.ts';
import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import { withRunningFrontends } from './running-frontends.ts';
import type { Tier } from './runtime.ts';
import type { Shapes } from './shapes.ts';
import { byName, type ListDiff, listDiff } from './table-diff.ts';
import { CERTIFICATE_LIST } from './template-views.ts';

/** What a plan for a running HAProxy starts from. Tables are in the words of their places (`place`). */
export interface ReachInputs {
  /** What runs. */
  readonly before: RoutingTable;
  readonly after: RoutingTable;
  readonly loaded: Loaded;
  /** What the templates of now make of a table. */
  readonly shapes: Shapes;
  /** `PartsRenderer.fixedSections` of now. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly tier: Tier;
  readonly leftovers: Leftovers;
  /** Reasons that `choosePlaces` found, by backend. */
  readonly unplaced?: Placing;
  /** Look at backends and services that kept their identity too: after the templates changed, and after an adoption. */
  readonly compareAll?: boolean;
}

type Placing = ReadonlyMap<BackendName, Unplaced>;

/** How far commands go. */
export interface Reach {
  /** The table nearest to the wanted one that the running configuration can be brought to. */
  readonly target: RoutingTable;
  /** What is missing in it. Empty: nothing, and `target` is the wanted table but for ids of servers. */
  readonly needs: readonly ReloadNeed[];
  /** Backends that only `before`, and only `target` holds. */
  readonly backends: ListDiff<Backend>;
}

/**
 * Splits a change into what commands can do and what needs a reload. What cannot be done leaves things as they are: a backend whose
 * text changed only loses servers and gets no new row, a backend without a place gets no row at all, and
 * what led elsewhere before goes on doing so.
 */
export function reachTable(inputs: ReachInputs): Reach {
  const { before, after, loaded, fixed, tier } = inputs;
  if (tier === 'D') {
    const needs: ReloadNeed[] = before === after ? [] : [{ because: 'no-runtime' }];
    return { target: before, needs, backends: { removed: [], added: [] } };
  }
  const needs: ReloadNeed[] = sectionNeeds(loaded.fixed, fixed);
  const backends = reachBackends(inputs, needs);
  const tombstones = tier === 'C' ? countLeftovers(inputs.leftovers) : 0;
  if (tombstones > MAX_TOMBSTONES) needs.push({ because: 'tombstones', count: tombstones });
  const whole = backends.held.size === 0 && backends.missing.size === 0;
  const may = rowGuard(before, backends);
  const services = reachServices(inputs, needs, whole ? undefined : may.service);
  const reached = {
    services,
    routes: whole ? after.routes : after.routes.filter(may.route),
    appIds: whole ? after.appIds : after.appIds.filter(may.appId),
    backends: backends.reached,
  };
  const nearest = whole ? reached : withOldRows(before, after, reached);
  const target = withRunningFrontends(before, after, nearest, needs);
  const diff = target === reached ? backends.diff : listDiff(before.backends, target.backends, byName);
  const same = whole && target.services === after.services && target.backends === after.backends ? after : target;
  return { target: same, needs, backends: diff };
}

interface ReachedBackends {
  readonly reached: readonly Backend[];
  /** They keep their text and take nobody new. */
  readonly held: ReadonlySet<BackendName>;
  /** The running configuration has nothing of that name. */
  readonly missing: ReadonlySet<BackendName>;
  readonly diff: ListDiff<Backend>;
}

function reachBackends(inputs: ReachInputs, needs: ReloadNeed[]): ReachedBackends {
  const { before, after, loaded, shapes, tier, leftovers, unplaced } = inputs;
  const wantedDiff = listDiff(before.backends, after.backends, byName);
  const { removed, added } = wantedDiff;
  const were = new Map((inputs.compareAll ? before.backends : removed).map((backend) => [backend.name, backend]));
  const other = new Map<BackendName, Backend>();
  const held = new Set<BackendName>();
  const missing = new Set<BackendName>();
  for (const wanted of inputs.compareAll ? after.backends : added) {
    const { name } = wanted;
    const was = were.get(name);
    const verdict = carries(loaded, wanted, shapes, tier);
    if (verdict === 'carries' || verdict === 'makes') {
      if (was === wanted) continue;
      const reached = reachServers(was, wanted, { shapes, tier, leftovers, needs });
      if (reached !== wanted) other.set(name, reached);
    } else if (verdict === 'changed' && was !== undefined) {
      needs.push({ because: 'backend-changed', backend: name });
      held.add(name);
      other.set(name, shrinkServers(was, wanted));
    } else {
      needs.push({
        because: unplaced?.get(name) ?? (verdict === 'changed' ? 'backend-changed' : 'backend-added'),
        backend: name,
      });
      missing.add(name);
    }
  }
  const changed = other.size > 0 || missing.size > 0;
  const reached = changed
    ? after.backends.flatMap((backend) => (missing.has(backend.name) ? [] : (other.get(backend.name) ?? backend)))
    : after.backends;
  const diff = changed ? listDiff(before.backends, reached, byName) : wantedDiff;
  return { reached, held, missing, diff };
}

/** Which rows may be: none to a backend that is not there, and to a held one only those that led to it before. */
function rowGuard(before: RoutingTable, { held, missing }: ReachedBackends) {
  const had = <T extends { readonly backend: BackendName }>(items: readonly T[], key: (item: T) => string) => {
    let keys: ReadonlySet<string> | undefined;
    return (item: T): boolean => {
      if (missing.has(item.backend)) return false;
      if (!held.has(item.backend)) return true;
      keys ??= new Set(items.filter(({ backend }) => held.has(backend)).map(key));
      return keys.has(key(item));
    };
  };
  return {
    route: had<Route>(before.routes, ({ host, path = '', ignoreCase, backend }) =>
      [host, path, ignoreCase, backend].join('\n'),
    ),
    // A backend that only a reload gives its new mode goes on in the one that it has.
    service: had<ServiceFrontend>(before.services, ({ name, backend, mode }) => `${name}\n${backend}\n${mode}`),
    appId: had<AppIdRoute>(before.appIds, ({ appId, backend }) => `${appId}\n${backend}`),
  };
}

/** Nothing but certificates is different in them. */
export const sameSections = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  sectionNeeds(a, b).length === 0;

function sectionNeeds(loaded: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): ReloadNeed[] {
  if (loaded === now) return [];
  const needs: ReloadNeed[] = [];
  for (const [section, text] of now) {
    // Certificates come and go over the socket: `planCertificates` says what needs a reload.
    if (section === CERTIFICATE_LIST) continue;
    const was = loaded.get(section);
    if (was === undefined) needs.push({ because: 'section-added', section });
    else if (was !== text) needs.push({ because: 'section-changed', section });
  }
  for (const section of loaded.keys())
    if (section !== CERTIFICATE_LIST && !now.has(section)) needs.push({ because: 'section-removed', section });
  return needs;
}
