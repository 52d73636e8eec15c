import type { App, AppId } from './app.ts';
import type { PortLabels } from './label-reader.ts';
import { labelProblem } from './label-reader.ts';
import { LABELS } from './labels.ts';
import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import type { Problem } from './problem.ts';
import type { BackendName, Route } from './routing.ts';

/** The hosts and paths that a port asks for, and with what weight. */
export interface WantedRoutes {
  readonly routes: readonly Route[];
  readonly weight: number;
  /** The weight was given by label. */
  readonly explicit: boolean;
  readonly problems: readonly Problem[];
}

/** Where a port's routes belong. */
export interface RoutePlace {
  readonly id: AppId;
  readonly app: App;
  readonly portIndex: number;
  readonly backend: BackendName;
  readonly mode: 'http' | 'tcp';
  readonly pathMatch: PathMatch;
}

/** Hosts times paths of one port: two long lists must not make millions of routes. */
const MAX_ROUTES = 1_000;

/** One route per host and path prefix. A bad path refuses them all: without it, the port would take the whole host. */
export function wantedRoutes(place: RoutePlace, labels: PortLabels): WantedRoutes {
  const { vhosts, path, weight } = labels;
  const byDefault = (path?.value?.prefixes.length ?? 0) > 0 ? 1 : 0;
  const rank = { weight: weight?.value || byDefault, explicit: weight?.value !== undefined };
  const hosts = vhosts?.value ?? [];
  if (vhosts === undefined || hosts.length === 0) return { routes: [], ...rank, problems: [] };
  if (place.mode === 'tcp') {
    const says = 'hosts cannot lead to a port of mode tcp; they are not routed, its service port is';
    const origin = { app: place.app.id, label: vhosts.label };
    return { routes: [], ...rank, problems: [labelProblem('LabelWithoutEffect', 'route-refused', origin, says)] };
  }
  if (path !== undefined && path.value === undefined) return { routes: [], ...rank, problems: [] };
  const ignoreCase = path?.value?.ignoreCase ?? false;
  const prefixes = distinctPrefixes(path?.value?.prefixes ?? [], ignoreCase, place.pathMatch);
  if (hosts.length * prefixes.length > MAX_ROUTES) {
    const says = `${hosts.length} hosts with ${prefixes.length} paths each are too many`;
    const value = place.app.labels.get(vhosts.label) ?? '';
    const more = { value, expected: `at most ${MAX_ROUTES} routes of one port`, example: LABELS.vhosts.example };
    const origin = { app: place.app.id, label: vhosts.label };
    return { routes: [], ...rank, problems: [labelProblem('LabelInvalid', 'route-refused', origin, says, more)] };
  }
  const routes = hosts.flatMap(({ match, host }) =>
    prefixes.map(
      (prefix): Route => ({
        match,
        host,
        ...(prefix === undefined ? {} : { path: prefix }),
        ignoreCase: ignoreCase && prefix !== undefined,
        backend: place.backend,
        app: place.id,
        portIndex: place.portIndex,
        origin: vhosts.origin,
      }),
    ),
  );
  return { routes, ...rank, problems: [] };
}

/** Each prefix once; `/`, which every path starts with, is the whole host, so that it cannot be taken twice. */
function distinctPrefixes(
  prefixes: readonly string[],
  ignoreCase: boolean,
  pathMatch: PathMatch,
): readonly (string | undefined)[] {
  if (prefixes.length === 0) return [undefined];
  const byKey = new Map(prefixes.map((path) => [prefixKey({ path, ignoreCase }, pathMatch), path]));
  return [...byKey].map(([key, path]) => (key === '/' ? undefined : path));
}
