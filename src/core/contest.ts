import { listenersOverlap } from './address.ts';
import type { AppId } from './app.ts';
import type { Claim } from './claims.ts';
import { settleClaims } from './claims.ts';
import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import type { Origin, Problem, ProblemCode } from './problem.ts';
import { printable } from './problem.ts';
import type { Route, ServiceBind } from './routing.ts';
import type { Service } from './services.ts';
import type { Settings } from './settings.ts';
import { formatBind } from './settings.ts';

/** A service with what it got of what it asked for. */
export interface Awarded {
  readonly service: Service;
  readonly routes: readonly Route[];
  readonly binds: readonly ServiceBind[];
}

/** Who is served with what, who lost what to whom, and what is to be remembered of it. */
export interface Contest {
  /** Without services that are refused or lost their name. */
  readonly awarded: readonly Awarded[];
  readonly problems: readonly Problem[];
  readonly claims: ReadonlyMap<string, AppId>;
}

/** Gives every name, host and path, and address and port, to one service. */
export function contest(services: readonly Service[], settings: Settings, held: ReadonlyMap<string, AppId>): Contest {
  const names = settleClaims(services.map(nameClaim), () => true, held);
  const named = names.granted.map(({ wants }) => wants);
  const hosts = settleClaims(
    named.flatMap((service) => hostClaims(service, settings.pathMatch)),
    samePrefix,
    held,
  );
  const { claims: bindsAsked, problems: reserved } = bindClaims(named, settings);
  const binds = settleClaims(bindsAsked, ({ bind: a }, { bind: b }) => listenersOverlap(a.address, b.address), held);

  const routesOf = Map.groupBy(hosts.granted, ({ wants }) => wants.service);
  const bindsOf = Map.groupBy(binds.granted, ({ wants }) => wants.service);
  const awarded = named.flatMap((service): Awarded[] => {
    if (service.refused) return [];
    const routes = (routesOf.get(service) ?? []).map(({ wants }) => wants.route);
    return [{ service, routes, binds: (bindsOf.get(service) ?? []).map(({ wants }) => wants.bind) }];
  });
  const lostNames = names.lost.map(({ claim, owner }) => {
    const says = `the backend name ${claim.wants.backend.name} belongs to ${holderOf(claim, owner)}`;
    return lostProblem('BackendNameConflict', claim, owner, claim.wants.backend.origin, says);
  });
  const lostHosts = hosts.lost.map(({ claim, owner }) => {
    const { route } = claim.wants;
    const says = `${hostOf(route)} belongs to ${holderOf(claim, owner)}`;
    return lostProblem('HostnameConflict', claim, owner, route.origin, says);
  });
  const lostBinds = binds.lost.map(({ claim, owner }) => {
    const says = `${formatBind(claim.wants.bind)} belongs to ${holderOf(claim, owner)}`;
    return lostProblem('PortConflict', claim, owner, claim.wants.service.portOrigin, says);
  });
  return {
    awarded,
    problems: [...lostNames, ...lostHosts, ...reserved, ...lostBinds],
    claims: new Map([...names.granted, ...hosts.granted, ...binds.granted].map(({ key, app }) => [key, app])),
  };
}

/** A host as the label spells it, with its path. */
export const hostOf = ({ match, host, path = '' }: Route): string => `${match === 'wildcard' ? '*' : ''}${host}${path}`;

/** The app that an origin names, for problems that must name one. */
const ownerOf = (service: Service): AppId | undefined =>
  service.backend.origin.from === 'app' ? service.backend.origin.app : undefined;

const claimant = ({ backend, configVersion, weight }: Service) => ({
  app: backend.app,
  configVersion,
  weight,
  portIndex: backend.portIndex,
});

function nameClaim(service: Service): Claim<Service> {
  const key = `backend ${service.backend.name}`;
  return { ...claimant(service), weight: 0, key, bucket: key, wants: service };
}

interface HostWanted {
  readonly service: Service;
  readonly route: Route;
  /** As the maps hold it; empty for a whole host. */
  readonly prefix: string;
}

function hostClaims(service: Service, pathMatch: PathMatch): readonly Claim<HostWanted>[] {
  return service.routes.map((route) => {
    const { host, path, ignoreCase } = route;
    const prefix = path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch);
    const key = `host ${host}${prefix}${ignoreCase ? ' -i' : ''}`;
    return { ...claimant(service), key, bucket: `${host}${prefix.toLowerCase()}`, wants: { service, route, prefix } };
  });
}

/** Within a bucket the prefixes are equal but for case. */
const samePrefix = (a: HostWanted, b: HostWanted): boolean =>
  a.prefix === b.prefix || a.route.ignoreCase || b.route.ignoreCase;

interface BindWanted {
  readonly service: Service;
  readonly bind: ServiceBind;
}

/** What the shared frontends listen on is never up for a claim. */
function bindClaims(services: readonly Service[], settings: Settings) {
  const shared = (
    [...settings.httpBind, ...settings.httpsBind, ...settings.appidBind, ...settings.statsBind] as const
  ).concat(settings.adminBind);
  const problems: Problem[] = [];
  const claims = services.flatMap((service) =>
    service.frontend.binds.flatMap((bind): Claim<BindWanted>[] => {
      const ours = shared.find(({ address, port }) => port === bind.port && listenersOverlap(address, bind.address));
      if (ours !== undefined) {
        problems.push(
          reservedProblem(
            service,
            `${formatBind(bind)} belongs to Portolan itself, which listens on ${formatBind(ours)}`,
          ),
        );
        return [];
      }
      const key = `port ${formatBind(bind)}`;
      return [{ ...claimant(service), weight: 0, key, bucket: `${bind.port}`, wants: { service, bind } }];
    }),
  );
  return { claims, problems };
}

function reservedProblem(service: Service, says: string): Problem {
  return conflictProblem('PortConflict', service.portOrigin, ownerOf(service) ?? service.backend.app, says);
}

function lostProblem<W>(code: ProblemCode, claim: Claim<W>, owner: Claim<W>, origin: Origin, says: string): Problem {
  const ends =
    owner.app === claim.app
      ? `, so port ${claim.portIndex} does not get it`
      : `, which keeps it; port ${claim.portIndex} gets it when the owner leaves`;
  return conflictProblem(code, origin, claim.app, `${says}${ends}`);
}

function conflictProblem(code: ProblemCode, origin: Origin, app: AppId, says: string): Problem {
  const subject = origin.from === 'label' ? `${origin.label} of ${origin.app}` : app;
  return { code, effect: 'route-refused', message: printable(`${subject}: ${says}.`, 500), origin };
}

const holderOf = <W>(claim: Claim<W>, owner: Claim<W>): string =>
  owner.app === claim.app ? `port ${owner.portIndex} of the same app` : owner.app;
