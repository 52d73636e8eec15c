import { listenersOverlap } from './address.ts';
import { hostKey, nameKey, portKey } from './claim-keys.ts';
import type { Claim } from './claims.ts';
import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import type { Route, ServiceBind } from './routing.ts';
import type { Service } from './services.ts';
import type { BindAddress, Settings } from './settings.ts';

/** A host and path that a service asks for. */
export interface HostWanted {
  readonly service: Service;
  readonly route: Route;
  /** As the maps hold it; empty for a whole host. */
  readonly prefix: string;
}

/** An address and port that a service asks for. */
export interface BindWanted {
  readonly service: Service;
  readonly bind: ServiceBind;
}

/** A listener of our own in the place of one that was asked for. */
export interface Reserved {
  readonly bind: ServiceBind;
  readonly ours: BindAddress;
}

/** All that a service asks for, and what is never up for a claim. */
export interface ServiceClaims {
  readonly name: Claim<Service>;
  readonly hosts: readonly Claim<HostWanted>[];
  readonly binds: readonly Claim<BindWanted>[];
  readonly reserved: readonly Reserved[];
}

/** What a service claims on a node of these settings. */
export function claimsOf(service: Service, settings: Settings): ServiceClaims {
  const name = nameKey(service.backend.name);
  return {
    name: { ...claimant(service), weight: 0, key: name, bucket: name, wants: service },
    hosts: hostClaims(service, settings.pathMatch),
    ...bindClaims(service, settings),
  };
}

/** Within a bucket the prefixes are equal but for case. */
export const samePrefix = (a: HostWanted, b: HostWanted): boolean =>
  a.prefix === b.prefix || a.route.ignoreCase || b.route.ignoreCase;

/** Within a bucket the ports are equal. */
export const sameListener = (a: BindWanted, b: BindWanted): boolean => listenersOverlap(a.bind.address, b.bind.address);

const claimant = ({ backend, holder, configVersion, weight }: Service) => ({
  app: backend.app,
  holder,
  configVersion,
  weight,
  portIndex: backend.portIndex,
});

function hostClaims(service: Service, pathMatch: PathMatch): readonly Claim<HostWanted>[] {
  return service.routes.map((route) => {
    const { host, path, ignoreCase } = route;
    const prefix = path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch);
    const key = hostKey(route, pathMatch);
    return { ...claimant(service), key, bucket: `${host}${prefix.toLowerCase()}`, wants: { service, route, prefix } };
  });
}

/** What the shared frontends and Portolan itself listen on is not up for a claim. */
function bindClaims(service: Service, settings: Settings): Pick<ServiceClaims, 'binds' | 'reserved'> {
  const shared = [settings.httpBind, settings.httpsBind, settings.appidBind, settings.statsBind, settings.adminBind];
  const listeners = shared.flat();
  const binds: Claim<BindWanted>[] = [];
  const reserved: Reserved[] = [];
  for (const bind of service.frontend.binds) {
    const ours = listeners.find(({ address, port }) => port === bind.port && listenersOverlap(address, bind.address));
    const key = portKey(bind);
    if (ours !== undefined) reserved.push({ bind, ours });
    else binds.push({ ...claimant(service), weight: 0, key, bucket: `${bind.port}`, wants: { service, bind } });
  }
  return { binds, reserved };
}
