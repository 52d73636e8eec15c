import type { Awarded } from './contest.ts';
import { hostOf } from './contest.ts';
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

/**
 * Drops routes that a shorter prefix of the same host covers with more weight. The longest prefix wins by default, so only a weight
 * that somebody gave on purpose, on either side, changes that: by themselves, paths weigh 1 and whole hosts 0.
 */
export function dropShadowed(
  awarded: readonly Awarded[],
  pathMatch: PathMatch,
): { readonly routes: readonly Route[]; readonly problems: readonly Problem[] } {
  const all = awarded.flatMap(({ service, routes }) =>
    routes.map((route): Weighted => {
      const { path, ignoreCase } = route;
      return { route, service, prefix: path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch) };
    }),
  );
  const routes: Route[] = [];
  const problems: Problem[] = [];
  for (const onHost of Map.groupBy(all, ({ route }) => route.host).values()) {
    const contested = onHost.length > 1 && onHost.some(({ service }) => service.explicitWeight);
    const byPrefix = Map.groupBy(contested ? onHost : [], ({ prefix }) => prefix.toLowerCase());
    for (const one of onHost) {
      const shadow = shadowOf(one, byPrefix);
      if (shadow === undefined) routes.push(one.route);
      else problems.push(shadowedProblem(one, shadow));
    }
  }
  return { routes, problems };
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
