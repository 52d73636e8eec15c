import { createAppIds } from './app-ids.ts';
import type { Awarded } from './contest.ts';
import type { Difference } from './difference.ts';
import { sortedAfter } from './difference.ts';
import { byFirst, byText } from './order.ts';
import type { Problem } from './problem.ts';
import type { AppIdRoute, Backend, BackendName, Route, RoutingTable, ServiceFrontend } from './routing.ts';

/** Puts the table together, anew where it is different. The same table when nothing is. */
export type Assembly = (
  awards: Difference<Awarded>,
  routes: Difference<Route>,
) => { readonly table: RoutingTable; readonly problems: Difference<Problem> };

/** What one service has in the table. */
interface Parts {
  readonly service?: ServiceFrontend;
  readonly backend?: Backend;
}

const NO_PARTS: Parts = {};

/** An empty table. Only what something leads to gets into it: a service without servers is closed, its hosts stay. */
export function createAssembly(): Assembly {
  const awards = new Map<BackendName, Awarded>();
  const routed = new Map<BackendName, number>();
  const parts = new Map<BackendName, Parts>();
  const appIds = createAppIds();
  let table: RoutingTable = { services: [], routes: [], appIds: [], backends: [] };

  const isRouted = (name: BackendName): boolean => (routed.get(name) ?? 0) > 0;
  const isLive = ({ service: { backend } }: Awarded): boolean => backend.servers.length > 0 || isRouted(backend.name);
  const count = (name: BackendName, by: number): void => {
    routed.set(name, (routed.get(name) ?? 0) + by);
  };

  /** Keeps account of who leads where, and gives the services that this concerns. */
  function take(awarded: Difference<Awarded>, routes: Difference<Route>): ReadonlySet<BackendName> {
    for (const { service } of awarded.gone) awards.delete(service.backend.name);
    for (const award of awarded.came) awards.set(award.service.backend.name, award);
    for (const { backend } of routes.gone) count(backend, -1);
    for (const { backend } of routes.came) count(backend, 1);
    return new Set([
      ...[awarded.gone, awarded.came].flat().map(({ service }) => service.backend.name),
      ...[routes.gone, routes.came].flat().map(({ backend }) => backend),
    ]);
  }

  function partsOf(name: BackendName): Parts {
    const award = awards.get(name);
    if (award === undefined) return NO_PARTS;
    const { backend } = award.service;
    const service = openedBy(award);
    const isReachable = service !== undefined || isRouted(name) || appIds.leadsTo(backend);
    return { ...(service === undefined ? {} : { service }), ...(isReachable ? { backend } : {}) };
  }

  return (awarded, routes) => {
    const concerned = take(awarded, routes);
    const revisit = [...concerned].flatMap((name) => awards.get(name) ?? []);
    const led = appIds.change(awarded, revisit, isLive);
    const names = [...new Set([...concerned, ...led.touched])];
    const before = names.map((name) => parts.get(name) ?? NO_PARTS);
    const after = names.map(partsOf);
    names.forEach((name, index) => {
      if (awards.has(name)) parts.set(name, after[index] ?? NO_PARTS);
      else for (const map of [parts, routed]) map.delete(name);
    });
    const differing = <T>(of: (one: Parts) => T | undefined): Difference<T> => ({
      gone: before.flatMap((one) => of(one) ?? []),
      came: after.flatMap((one) => of(one) ?? []),
    });
    table = sameOr(table, {
      services: sortedAfter(
        table.services,
        differing(({ service }) => service),
        byPlace,
      ),
      routes: sortedAfter(table.routes, routes, byHostAndPath),
      appIds: sortedAfter(table.appIds, led.routes, byAppId),
      backends: sortedAfter(
        table.backends,
        differing(({ backend }) => backend),
        byName,
      ),
    });
    return { table, problems: led.problems };
  };
}

/** The frontend of a service that listens: with servers, on the addresses that it got. */
function openedBy({ service: { backend, frontend }, binds }: Awarded): ServiceFrontend | undefined {
  if (backend.servers.length === 0 || binds.length === 0) return undefined;
  return binds.length === frontend.binds.length ? frontend : { ...frontend, binds };
}

function sameOr(before: RoutingTable, now: RoutingTable): RoutingTable {
  const same =
    before.services === now.services &&
    before.routes === now.routes &&
    before.appIds === now.appIds &&
    before.backends === now.backends;
  return same ? before : now;
}

const placeOf = ({ binds }: ServiceFrontend) => binds[0] ?? { port: 0, address: '' };
/** The order of `services`. */
export const byPlace = (a: ServiceFrontend, b: ServiceFrontend): number =>
  byFirst(placeOf(a).port - placeOf(b).port, byText(placeOf(a).address, placeOf(b).address), byText(a.name, b.name));
/** The order of `routes`. */
export const byHostAndPath = (a: Route, b: Route): number =>
  byFirst(byText(a.host, b.host), byText(a.path ?? '', b.path ?? ''), Number(a.ignoreCase) - Number(b.ignoreCase));
/** The order of `backends`. */
export const byName = (a: Backend, b: Backend): number => byText(a.name, b.name);
const byAppId = (a: AppIdRoute, b: AppIdRoute): number => byText(a.appId, b.appId);
