import type { Awarded } from './contest.ts';
import { hostOf } from './contest.ts';
import type { Problem } from './problem.ts';
import { printable } from './problem.ts';
import type { Route } from './routing.ts';
import type { Service } from './services.ts';
import type { Settings } from './settings.ts';

interface Weighted {
  readonly route: Route;
  readonly service: Service;
}

/**
 * Drops routes that a shorter prefix of the same host covers with more weight. The longest prefix wins by default, so only a weight
 * that somebody gave on purpose, on either side, changes that: by themselves, paths weigh 1 and whole hosts 0.
 */
export function dropShadowed(
  awarded: readonly Awarded[],
  pathMatch: Settings['pathMatch'],
): { readonly routes: readonly Route[]; readonly problems: readonly Problem[] } {
  const all = awarded.flatMap(({ service, routes }) => routes.map((route): Weighted => ({ route, service })));
  const routes: Route[] = [];
  const problems: Problem[] = [];
  for (const onHost of Map.groupBy(all, ({ route }) => route.host).values()) {
    const contested = onHost.length > 1 && onHost.some(({ service }) => service.explicitWeight);
    const byPrefix = Map.groupBy(contested ? onHost : [], ({ route }) => (route.path ?? '').toLowerCase());
    for (const { route, service } of onHost) {
      const shadow = shadowOf({ route, service }, byPrefix, pathMatch);
      if (shadow === undefined) routes.push(route);
      else problems.push(shadowedProblem({ route, service }, shadow));
    }
  }
  return { routes, problems };
}

/** The heaviest of the routes that cover this one against the default order. */
function shadowOf(
  covered: Weighted,
  byPrefix: ReadonlyMap<string, readonly Weighted[]>,
  pathMatch: Settings['pathMatch'],
): Weighted | undefined {
  const path = covered.route.path ?? '';
  let heaviest: Weighted | undefined;
  for (let length = 0; length < path.length; length++) {
    for (const candidate of byPrefix.get(path.slice(0, length).toLowerCase()) ?? []) {
      const outweighs = candidate.service.weight > (heaviest ?? covered).service.weight;
      if (outweighs && covers(candidate.route, covered.route, pathMatch)) heaviest = candidate;
    }
  }
  return heaviest;
}

/** Whether every request that the longer path matches is matched by the shorter one too. */
function covers(shorter: Route, longer: Route, pathMatch: Settings['pathMatch']): boolean {
  const { path: prefix } = shorter;
  const path = longer.path ?? '';
  if (prefix === undefined) return true;
  const matches = shorter.ignoreCase
    ? path.toLowerCase().startsWith(prefix.toLowerCase())
    : path.startsWith(prefix) && !longer.ignoreCase;
  return matches && (pathMatch === 'prefix' || prefix.endsWith('/') || path[prefix.length] === '/');
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
