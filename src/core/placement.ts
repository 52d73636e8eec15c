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
  /** Spares in use, by the name of the backend that they carry. */
  readonly places: ReadonlyMap<BackendName, BackendName>;
  /** Spares whose backend left, until they were seen empty. */
  readonly emptying: ReadonlySet<BackendName>;
  /** Backends that nothing in the running configuration can carry. */
  readonly unplaced: ReadonlyMap<BackendName, Unplaced>;
}

/** Why a backend has no place: every spare that fits is in use, or none could ever carry it. */
export type Unplaced = 'spares-exhausted' | 'no-fitting-spare';

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
  const { before, after, placement } = inputs;
  const { removed, added } = listDiff(before?.backends ?? [], after.backends, byName);
  const again = placement.unplaced.size === 0 ? [] : after.backends.filter(({ name }) => placement.unplaced.has(name));
  if (removed.length === 0 && added.length === 0 && again.length === 0) return placement;
  const places = new Map(placement.places);
  const emptying = new Set(placement.emptying);
  const unplaced = new Map(placement.unplaced);
  const free = (name: BackendName): void => {
    const spare = places.get(name);
    if (spare !== undefined) emptying.add(spare);
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
    if (found === 'spares-exhausted' || found === 'no-fitting-spare') unplaced.set(backend.name, found);
    else {
      free(backend.name);
      if (found !== 'own') places.set(backend.name, found.name);
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
): 'stays' | 'own' | Spare | Unplaced {
  const { name } = backend;
  const at = places.get(name);
  if (at !== undefined && carries(loaded, { ...backend, name: at }, shapes, tier) === 'carries') return 'stays';
  const own = carries(loaded, backend, shapes, tier);
  if (own === 'carries') return at === undefined ? 'stays' : 'own';
  const running = at !== undefined || own === 'changed';
  // The running frontend of its port leads to the backend of its own name, whatever else does.
  const bound = running && loaded.serviceText(name) !== undefined;
  // In mode tcp nothing leads to it but a frontend of its own, which only a reload brings: the spare would be wasted.
  const unheard =
    backend.profile.mode === 'tcp' &&
    !running &&
    after.services.some((service) => service.backend === name && service.inRange === undefined);
  const refused = running ? 'stays' : 'no-fitting-spare';
  if (bound || unheard || !shapes.isPlain(backend)) return refused;
  const fitting = [...loaded.spares.values()].filter(({ profile }) => fitsSpare(profile, backend.profile, tier));
  if (fitting.length === 0) return refused;
  const taken = new Set(places.values());
  const free = fitting.filter((spare) => !taken.has(spare.name) && !emptying.has(spare.name));
  return bestSpare(backend, free) ?? (running ? 'stays' : 'spares-exhausted');
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

/** Spares that may be used again: seen without a server that takes requests, and without a row in the maps that were read whole. */
export function reclaimSpares(placement: Placement, observed: ObservedRuntime): Placement {
  if (placement.emptying.size === 0) return placement;
  const led = new Set<string>();
  for (const rows of observed.maps.values()) for (const value of rows.values()) led.add(value);
  const emptying = [...placement.emptying].filter((spare) => {
    const servers = observed.backends.get(spare);
    return servers === undefined || led.has(spare) || servers.some(({ admission }) => admission !== 'maint');
  });
  return emptying.length === placement.emptying.size ? placement : { ...placement, emptying: new Set(emptying) };
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
  const lead = (name: BackendName, to: string | undefined): void => {
    const backend = backends.get(name);
    const spare = loaded.spares.get(to as BackendName);
    if (backend === undefined || spare === undefined || places.has(name) || taken.has(spare.name)) return;
    if (carries(loaded, backend, shapes, tier) === 'carries') return;
    if (carries(loaded, { ...backend, name: spare.name }, shapes, tier) !== 'carries') return;
    places.set(name, spare.name);
    taken.add(spare.name);
  };
  for (const route of table.routes) {
    for (const { map, key } of routeRows(route, pathMatch)) lead(route.backend, observed.maps.get(map)?.get(key));
  }
  for (const route of table.appIds) {
    const { map, key } = appIdRow(route);
    lead(route.backend, observed.maps.get(map)?.get(key));
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
