import { freeAlias, isAliasOf } from './dynamic-backends.ts';
import type { Loaded } from './loaded.ts';
import { carries } from './loaded.ts';
import { appIdRow, portRows, routeRows } from './maps.ts';
import type { PathMatch } from './path-match.ts';
import type { Backend, BackendName, RoutingTable } from './routing.ts';
import type { ObservedRuntime, Tier } from './runtime.ts';
import type { Shapes } from './shapes.ts';
import type { Spare } from './spares.ts';
import { fitsSpare } from './spares.ts';
import { byName, listDiff } from './table-diff.ts';

/** Which backend of the running HAProxy carries which backend of the wanted table. Its own one, unless said otherwise. */
export interface Placement {
  /** Spares in use, and on tier A backends under a second name, by the name of the backend that they carry. */
  readonly places: ReadonlyMap<BackendName, BackendName>;
  /** Spares whose backend left, until they were seen empty. */
  readonly emptying: ReadonlySet<BackendName>;
  /** Backends that nothing in the running configuration can carry. */
  readonly unplaced: ReadonlyMap<BackendName, Unplaced>;
}

/** Why a backend has no place: every spare that fits is in use, none could ever carry it, or no profile is all of it (tier A). */
export type Unplaced = 'spares-exhausted' | 'no-fitting-spare' | 'no-fitting-profile';

/** Everybody is where the configuration says: right after a reload. */
export const OWN_PLACES: Placement = { places: new Map(), emptying: new Set(), unplaced: new Map() };

/** What placing depends on. */
export interface PlacingInputs {
  /** The wanted table that `placement` was made for; undefined: look at every backend, as after the templates changed. */
  readonly before: RoutingTable | undefined;
  /** The wanted table, its backends under their own names. */
  readonly after: RoutingTable;
  readonly placement: Placement;
  readonly loaded: Loaded;
  readonly shapes: Shapes;
  readonly tier: Tier;
}

/**
 * Finds a place for every backend: the one it had, if that can still carry it, else its own one, else a spare. Only backends that
 * changed are looked at. The same `placement` when nothing of it changed.
 */
export function choosePlaces(inputs: PlacingInputs): Placement {
  const { before, after, placement, loaded } = inputs;
  const { removed, added } = listDiff(before?.backends ?? [], after.backends, byName);
  const again = placement.unplaced.size === 0 ? [] : after.backends.filter(({ name }) => placement.unplaced.has(name));
  if (removed.length === 0 && added.length === 0 && again.length === 0) return placement;
  const places = new Map(placement.places);
  const emptying = new Set(placement.emptying);
  const unplaced = new Map(placement.unplaced);
  const free = (name: BackendName): void => {
    const spare = places.get(name);
    if (spare !== undefined && loaded.spares.has(spare)) emptying.add(spare);
    places.delete(name);
  };
  const stays = new Set(added.map(({ name }) => name));
  for (const { name } of removed) {
    if (stays.has(name)) continue;
    free(name);
    unplaced.delete(name);
  }
  if (before === undefined) for (const name of places.keys()) if (!stays.has(name)) free(name);
  for (const backend of new Set([...added, ...again])) {
    unplaced.delete(backend.name);
    const found = findPlace(backend, inputs, places, emptying);
    if (found === 'stays') continue;
    if (found === 'spares-exhausted' || found === 'no-fitting-spare' || found === 'no-fitting-profile')
      unplaced.set(backend.name, found);
    else {
      free(backend.name);
      if (found !== 'own') places.set(backend.name, found.at);
    }
  }
  return { places, emptying, unplaced };
}

/** `stays`: where it is, be it that only a reload can bring its changes. */
function findPlace(
  backend: Backend,
  { after, loaded, shapes, tier }: PlacingInputs,
  places: ReadonlyMap<BackendName, BackendName>,
  emptying: ReadonlySet<BackendName>,
): 'stays' | 'own' | { readonly at: BackendName } | Unplaced {
  const { name } = backend;
  const at = places.get(name);
  if (at !== undefined && carries(loaded, { ...backend, name: at }, shapes, tier) === 'carries') return 'stays';
  const own = carries(loaded, backend, shapes, tier);
  if (own === 'carries' || own === 'makes') return at === undefined ? 'stays' : 'own';
  const running = at !== undefined || own === 'changed';
  // The running frontend of its port leads to the backend of its own name, whatever else does.
  const bound = running && loaded.serviceText(name) !== undefined;
  // In mode tcp nothing leads to it but a frontend of its own, which only a reload brings: the spare would be wasted.
  const unheard =
    backend.profile.mode === 'tcp' &&
    !running &&
    after.services.some((service) => service.backend === name && service.inRange === undefined);
  if (tier === 'A') {
    if (own === 'unknown') return at === undefined ? 'no-fitting-profile' : 'stays';
    const alias = { ...backend, name: freeAlias(loaded, name, new Set(places.values())) };
    return !bound && carries(loaded, alias, shapes, tier) === 'makes' ? { at: alias.name } : 'stays';
  }
  const refused = running ? 'stays' : 'no-fitting-spare';
  if (bound || unheard || !shapes.isPlain(backend)) return refused;
  const fitting = [...loaded.spares.values()].filter(({ profile }) =>
    fitsSpare(profile, backend.profile, tier, shapes),
  );
  if (fitting.length === 0) return refused;
  const taken = new Set(places.values());
  const free = fitting.filter((spare) => !taken.has(spare.name) && !emptying.has(spare.name));
  const spare = bestSpare(backend, free);
  return spare === undefined ? (running ? 'stays' : 'spares-exhausted') : { at: spare.name };
}

/** The shortest check timeout that is enough; for those without check, the kind of which there are most. */
function bestSpare({ profile }: Backend, free: readonly Spare[]): Spare | undefined {
  if (profile.check !== 'none') {
    return free.reduce<Spare | undefined>(
      (best, spare) => (best === undefined || spare.profile.checkTimeout < best.profile.checkTimeout ? spare : best),
      undefined,
    );
  }
  const kinds = [...Map.groupBy(free, (spare) => `${spare.profile.check} ${spare.profile.checkTimeout}`).values()];
  return kinds.reduce<readonly Spare[]>((most, kind) => (kind.length > most.length ? kind : most), [])[0];
}

/**
 * Spares that may be used again: seen without a server that takes requests, and without a row that leads there. `led`: where rows
 * lead, if that is known already; else `observed` has whole maps.
 */
export function reclaimSpares(
  placement: Placement,
  observed: ObservedRuntime,
  led: ReadonlySet<string> = ledBy(observed),
): Placement {
  if (placement.emptying.size === 0) return placement;
  const emptying = [...placement.emptying].filter((spare) => {
    const servers = observed.backends.get(spare);
    return servers === undefined || led.has(spare) || servers.some(({ admission }) => admission !== 'maint');
  });
  return emptying.length === placement.emptying.size ? placement : { ...placement, emptying: new Set(emptying) };
}

function ledBy({ maps }: ObservedRuntime): ReadonlySet<string> {
  const led = new Set<string>();
  for (const rows of maps.values()) for (const value of rows.values()) led.add(value);
  return led;
}

/**
 * Where backends are, read from the rows that lead to them, when whoever placed them is gone. `observed` has whole maps. All other
 * spares count as emptying until `reclaimSpares` saw them.
 */
export function readPlacement(
  table: RoutingTable,
  observed: ObservedRuntime,
  {
    loaded,
    shapes,
    tier,
    pathMatch,
  }: Pick<PlacingInputs, 'loaded' | 'shapes' | 'tier'> & { readonly pathMatch: PathMatch },
): Placement {
  const backends = new Map(table.backends.map((backend) => [backend.name, backend]));
  const places = new Map<BackendName, BackendName>();
  const taken = new Set<BackendName>();
  const lead = (name: BackendName, to: string | undefined, isOwn = false): void => {
    const backend = backends.get(name);
    const at = to as BackendName;
    const isPlace = loaded.spares.has(at) || (loaded.dynamic.made.has(at) && isAliasOf(at, name));
    if (backend === undefined || !isPlace || places.has(name) || taken.has(at)) return;
    if (carries(loaded, backend, shapes, tier) === 'carries') return;
    // A host may have moved; the row of an app's own id is its own, be it that the place cannot carry what the app wants now.
    if (!isOwn && carries(loaded, { ...backend, name: at }, shapes, tier) !== 'carries') return;
    places.set(name, at);
    taken.add(at);
  };
  for (const route of table.appIds) {
    const { map, key } = appIdRow(route);
    lead(route.backend, observed.maps.get(map)?.get(key), true);
  }
  for (const route of table.routes) {
    for (const { map, key } of routeRows(route, pathMatch)) lead(route.backend, observed.maps.get(map)?.get(key));
  }
  for (const service of table.services) {
    for (const { map, key } of portRows(service)) lead(service.backend, observed.maps.get(map)?.get(key));
  }
  const emptying = new Set([...loaded.spares.keys()].filter((spare) => !taken.has(spare)));
  const known = { places, emptying, unplaced: new Map() };
  return choosePlaces({
    before: undefined,
    after: table,
    placement: reclaimSpares(known, observed),
    loaded,
    shapes,
    tier,
  });
}
