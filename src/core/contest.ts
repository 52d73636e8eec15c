import type { AppId, Version } from './app.ts';
import type { Claim, Settlement, WhenOpen } from './claims.ts';
import { createClaimBook } from './claims.ts';
import { lostBind, lostHost, lostName, openBind, openHost, openName, reservedBind } from './conflict-problems.ts';
import { createCoveredHosts } from './covered-hosts.ts';
import type { Difference } from './difference.ts';
import { differenceOf, joined } from './difference.ts';
import { editedMap } from './edited-map.ts';
import type { Problem } from './problem.ts';
import { appOf } from './problem.ts';
import type { Route, ServiceBind } from './routing.ts';
import type { BindWanted, HostWanted, ServiceClaims } from './service-claims.ts';
import { claimsOf, sameListener, samePrefix } from './service-claims.ts';
import type { Service } from './services.ts';
import type { Settings } from './settings.ts';

/** A service with what it got of what it asked for. */
export interface Awarded {
  readonly service: Service;
  readonly routes: readonly Route[];
  readonly binds: readonly ServiceBind[];
}

/** What a change of services made different. */
export interface ContestChange {
  /** Without services that are refused or lost their name. */
  readonly awards: Difference<Awarded>;
  readonly problems: Difference<Problem>;
  /** Who holds what from now on; the map of before when that is as it was. */
  readonly claims: ReadonlyMap<string, AppId>;
  /** All names that several ask for and nobody holds; the same list while it is empty. */
  readonly open: readonly OpenName[];
}

/** A name that several ask for and nobody holds. */
export interface OpenName {
  /** Whoever may have it, each with its own spelling of the name. */
  readonly rivals: readonly Rival[];
}

/** One of those who ask. */
export interface Rival {
  /** What is remembered if it gets the name. */
  readonly key: string;
  readonly holder: AppId;
  /** The app whose labels ask for it. */
  readonly app: AppId;
  readonly configVersion: Version;
}

/**
 * Gives every name, host and path, and address and port, to one service. `held` is what the call before gave; at the first
 * one it may be anything.
 */
export type Contest = (services: Difference<Service>, held: ReadonlyMap<string, AppId>) => ContestChange;

const NOTHING_OPEN: readonly OpenName[] = [];

/** A contest that nobody takes part in yet. It costs what changes. */
export function createContest(settings: Settings, whenOpen: WhenOpen = 'oldest'): Contest {
  const names = createClaimBook<Service>(() => true, whenOpen);
  const hosts = createClaimBook(samePrefix, whenOpen);
  const binds = createClaimBook(sameListener, whenOpen);
  const covered = createCoveredHosts();
  const known = new WeakMap<Service, ServiceClaims>();
  const awards = new Map<Service, Awarded>();
  const told = new Map<object, Problem>();
  let first = true;

  const asks = (service: Service): ServiceClaims => {
    const claims = known.get(service) ?? claimsOf(service, settings);
    known.set(service, claims);
    return claims;
  };

  /** What a service has now; nothing for one that lost its name or must not be served. */
  function awardOf(service: Service): Awarded | undefined {
    const { name, hosts: wanted, binds: listeners } = asks(service);
    if (service.refused || !names.isGranted(name)) return undefined;
    return {
      service,
      routes: wanted.filter(hosts.isGranted).map(({ wants }) => wants.route),
      binds: listeners.filter(binds.isGranted).map(({ wants }) => wants.bind),
    };
  }

  function awardAgain(services: ReadonlySet<Service>): Difference<Awarded> {
    const gone: Awarded[] = [];
    const came: Awarded[] = [];
    for (const service of services) {
      const was = awards.get(service);
      const now = awardOf(service);
      if (was !== undefined && now !== undefined && sameAward(was, now)) continue;
      if (was !== undefined) gone.push(was);
      if (now !== undefined) came.push(now);
      if (now === undefined) awards.delete(service);
      else awards.set(service, now);
    }
    return { gone, came };
  }

  /** A problem for each loss, the same object until the loss is over. */
  function tell<T extends object>(losses: Difference<T>, about: (loss: T) => object, make: (loss: T) => Problem) {
    const gone = losses.gone.flatMap((loss) => told.get(about(loss)) ?? []);
    for (const loss of losses.gone) told.delete(about(loss));
    const came = losses.came.map((loss) => {
      const problem = make(loss);
      told.set(about(loss), problem);
      return problem;
    });
    return { gone, came };
  }

  /** Of names that nobody gets yet. */
  const tellOpen = <W>(
    losses: Difference<Settlement<W>['open'][number]>,
    make: (open: Settlement<W>['open'][number]) => Problem,
  ) => (whenOpen === 'nobody' ? tell(losses, claimOf, make) : NO_PROBLEMS);

  function allOpen(): readonly OpenName[] {
    const open = [
      ...Array.from(names.open(), (claims) => openOf(claims, (service) => service)),
      ...Array.from(hosts.open(), (claims) => openOf(claims, serviceOf)),
      ...Array.from(binds.open(), (claims) => openOf(claims, serviceOf)),
    ];
    return open.length === 0 ? NOTHING_OPEN : open;
  }

  return (services, held) => {
    const named = names.change(
      differenceOf(services, (service) => [asks(service).name]),
      held,
    );
    const players = differenceOf(named.granted, ({ wants }) => [wants]);
    const host = hosts.change(
      differenceOf(players, (service) => asks(service).hosts),
      held,
    );
    const bind = binds.change(
      differenceOf(players, (service) => asks(service).binds),
      held,
    );
    const reserved = differenceOf(players, (service) => asks(service).reserved.map((one) => ({ service, one })));
    const problems = joined(
      tell(named.lost, claimOf, lostName),
      tell(host.lost, claimOf, lostHost),
      tell(bind.lost, claimOf, lostBind),
      tellOpen(named.open, openName),
      tellOpen(host.open, openHost),
      tellOpen(bind.open, openBind),
      covered(host.granted),
      tell(
        reserved,
        ({ one }) => one,
        ({ service, one }) => reservedBind(service, one),
      ),
    );
    const touched = new Set([
      ...players.gone,
      ...players.came,
      ...servicesOf(host.granted),
      ...servicesOf(bind.granted),
    ]);
    const granted = joined<Claim<unknown>>(named.granted, host.granted, bind.granted);
    const claims = heldAfter(held, first ? held.keys() : granted.gone.map(({ key }) => key), granted.came);
    first = false;
    return { awards: awardAgain(touched), problems, claims, open: allOpen() };
  };
}

const claimOf = <W>({ claim }: { readonly claim: Claim<W> }): Claim<W> => claim;
const NO_PROBLEMS: Difference<Problem> = { gone: [], came: [] };
const serviceOf = ({ service }: HostWanted | BindWanted): Service => service;
const openOf = <W>(claims: Settlement<W>['open'], of: (wants: W) => Service): OpenName => ({
  rivals: claims.map(({ claim: { key, holder, configVersion, wants } }) => {
    const { backend } = of(wants);
    return { key, holder, app: appOf(backend.origin) ?? backend.app, configVersion };
  }),
});
const servicesOf = ({ gone, came }: Difference<Claim<HostWanted | BindWanted>>): readonly Service[] =>
  [...gone, ...came].map(({ wants }) => wants.service);

const sameAward = (a: Awarded, b: Awarded): boolean => sameItems(a.routes, b.routes) && sameItems(a.binds, b.binds);
const sameItems = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

function heldAfter(
  held: ReadonlyMap<string, AppId>,
  released: Iterable<string>,
  granted: readonly Claim<unknown>[],
): ReadonlyMap<string, AppId> {
  const edits = new Map<string, AppId | undefined>();
  for (const key of released) edits.set(key, undefined);
  for (const { key, holder } of granted) edits.set(key, holder);
  return editedMap(held, edits);
}
