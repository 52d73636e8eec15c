import { hostOf } from './conflict-problems.ts';
import type { Awarded } from './contest.ts';
import type { Difference } from './difference.ts';
import { byFirst, byText } from './order.ts';
import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import type { Problem } from './problem.ts';
import { printable } from './problem.ts';
import type { Route } from './routing.ts';
import type { Service } from './services.ts';

interface Weighted {
  readonly route: Route;
  readonly service: Service;
  /** As the maps hold it; empty for a whole host. */
  readonly prefix: string;
}

/** What of the routes that were awarded is used, host by host. */
export type Shadowing = (awards: Difference<Awarded>) => {
  readonly routes: Difference<Route>;
  readonly problems: Difference<Problem>;
};

interface OnHost {
  readonly all: readonly Weighted[];
  readonly routes: readonly Route[];
  readonly problems: readonly Problem[];
}

const NOBODY: OnHost = { all: [], routes: [], problems: [] };

/**
 * Drops routes that a shorter prefix of the same host covers with more weight. The longest prefix wins by default, so only a weight
 * that somebody gave on purpose, on either side, changes that: by themselves, paths weigh 1 and whole hosts 0. Hosts that no
 * change touches are not looked at.
 */
export function createShadowing(pathMatch: PathMatch): Shadowing {
  const hosts = new Map<string, OnHost>();
  return (awards) => {
    const left = new Set(awards.gone.flatMap(({ routes }) => routes));
    const added = Map.groupBy(
      awards.came.flatMap((award) => award.routes.map((route) => weighted(route, award.service, pathMatch))),
      ({ route }) => route.host,
    );
    const before: OnHost[] = [];
    const after: OnHost[] = [];
    for (const host of new Set([...[...left].map((route) => route.host), ...added.keys()])) {
      const was = hosts.get(host) ?? NOBODY;
      const now = dropShadowed([...was.all.filter(({ route }) => !left.has(route)), ...(added.get(host) ?? [])]);
      if (now.all.length === 0) hosts.delete(host);
      else hosts.set(host, now);
      before.push(was);
      after.push(now);
    }
    return {
      routes: { gone: before.flatMap(({ routes }) => routes), came: after.flatMap(({ routes }) => routes) },
      problems: { gone: before.flatMap(({ problems }) => problems), came: after.flatMap(({ problems }) => problems) },
    };
  };
}

function weighted(route: Route, service: Service, pathMatch: PathMatch): Weighted {
  const { path, ignoreCase } = route;
  return { route, service, prefix: path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch) };
}

function dropShadowed(onHost: readonly Weighted[]): OnHost {
  const contested = onHost.length > 1 && onHost.some(({ service }) => service.explicitWeight);
  if (!contested) return { all: onHost, routes: onHost.map(({ route }) => route), problems: [] };
  // The order decides who is named as the one that covers, among several of one weight.
  const all = onHost.toSorted((a, b) =>
    byFirst(byText(a.prefix, b.prefix), Number(a.route.ignoreCase) - Number(b.route.ignoreCase)),
  );
  const byPrefix = Map.groupBy(all, ({ prefix }) => prefix.toLowerCase());
  const routes: Route[] = [];
  const problems: Problem[] = [];
  for (const one of all) {
    const shadow = shadowOf(one, byPrefix);
    if (shadow === undefined) routes.push(one.route);
    else problems.push(shadowedProblem(one, shadow));
  }
  return { all, routes, problems };
}

/** The heaviest of the routes that cover this one against the default order. */
function shadowOf(covered: Weighted, byPrefix: ReadonlyMap<string, readonly Weighted[]>): Weighted | undefined {
  const { prefix } = covered;
  let heaviest: Weighted | undefined;
  for (let length = 0; length < prefix.length; length++) {
    for (const candidate of byPrefix.get(prefix.slice(0, length).toLowerCase()) ?? []) {
      const outweighs = candidate.service.weight > (heaviest ?? covered).service.weight;
      if (outweighs && covers(candidate, covered)) heaviest = candidate;
    }
  }
  return heaviest;
}

/** Whether every request that the longer path matches is matched by the shorter one too. */
function covers(shorter: Weighted, longer: Weighted): boolean {
  if (shorter.prefix === '') return true;
  return shorter.route.ignoreCase
    ? longer.prefix.toLowerCase().startsWith(shorter.prefix)
    : longer.prefix.startsWith(shorter.prefix) && !longer.route.ignoreCase;
}

function shadowedProblem({ route }: Weighted, shadow: Weighted): Problem {
  const weight = `${shadow.service.weight}`;
  const says = `${hostOf(route)} is not used, as ${hostOf(shadow.route)} of ${shadow.route.app} covers it with weight ${weight}`;
  const subject = route.origin.from === 'label' ? `${route.origin.label} of ${route.origin.app}` : route.app;
  return {
    code: 'RouteShadowed',
    effect: 'route-refused',
    message: printable(`${subject}: ${says}.`, 500),
    origin: route.origin,
  };
}
