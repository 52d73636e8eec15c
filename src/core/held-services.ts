import { listenersOverlap } from './address.ts';
import type { Listened } from './listened.ts';
import { isInRange } from './port-range.ts';
import type { ServiceBind, ServiceFrontend } from './routing.ts';
import { type BindAddress, formatBind, type Settings } from './settings.ts';
import { byFirstBind } from './table-diff.ts';
import { serviceFrontendName } from './template-views.ts';
import { wantedBinds } from './wanted-binds.ts';

/** What a service's addresses have to wait for. */
export interface Holds {
  /** By address, as `formatBind` writes it. `yields`: HAProxy itself is in the way, and has to give up an address first. */
  readonly held: ReadonlyMap<string, { readonly yields: boolean }>;
  readonly settings: Settings;
  readonly listened: Listened;
  /** Services as they were before, which says where those of the range were; absent: not known yet in this life … */
  readonly last?: readonly ServiceFrontend[];
  /** … and what runs says it: ports of the range by backend. Not what was loaded: rows come and go over the socket. */
  readonly rangePorts: () => ReadonlyMap<string, readonly number[]>;
}

/**
 * Takes addresses that have to wait out of services; a service without any other keeps the one that it is running on, if nobody
 * else is to have it. What is made of a service is the same object as long as it says the same.
 */
export function createHeldServices(): (
  services: readonly ServiceFrontend[],
  holds: Holds,
) => readonly ServiceFrontend[] {
  const known = new WeakMap<ServiceFrontend, { readonly text: string; readonly made: ServiceFrontend }>();

  function reduced(service: ServiceFrontend, binds: readonly ServiceBind[], settings: Settings): ServiceFrontend {
    const text = JSON.stringify(binds);
    const before = known.get(service);
    if (before?.text === text) return before.made;
    const { inRange, ...rest } = service;
    const ranged = isInRange(binds, settings.servicePortRange);
    const made = { ...rest, binds, ...(ranged ? { inRange: true as const } : {}) };
    known.set(service, { text, made });
    return made;
  }

  return (services, holds) => {
    const { held, settings } = holds;
    const left = services.flatMap((service) => {
      const free = service.binds.filter((bind) => !held.has(formatBind(bind)));
      if (free.length === service.binds.length) return [service];
      const binds = free.length > 0 ? free : oldBinds(service, services, holds);
      if (binds.length > 0) return [reduced(service, binds, settings)];
      // Rows for a port of the range that nobody can reach do no harm, and are there when it is listened on.
      return service.inRange ? [service] : [];
    });
    return left.sort(byFirstBind);
  };
}

function oldBinds(
  service: ServiceFrontend,
  services: readonly ServiceFrontend[],
  holds: Holds,
): ServiceFrontend['binds'] {
  const { held, settings } = holds;
  const [like] = service.binds;
  if (like === undefined || service.binds.some((bind) => held.get(formatBind(bind))?.yields)) return [];
  const served = servedOn(holds);
  const old = served.get(service.name) ?? served.get(movedFrom(service, services, served, held) ?? '') ?? [];
  if (old.length === 0) return [];
  // Every port of the range is wanted for itself; that takes it from nobody.
  const others = wantedBinds(services, settings).filter(
    ({ bind, service: owner, setting }) =>
      !held.has(formatBind(bind)) && (owner !== undefined || setting !== 'service-port-range'),
  );
  const isFree = ({ address, port }: BindAddress): boolean =>
    !others.some(({ bind }) => bind.port === port && listenersOverlap(bind.address, address));
  return old.filter(isFree).map(({ address, port }) => ({ ...like, address, port }));
}

/** The section that listens for a service. */
export const sectionOf = (service: ServiceFrontend): string => `frontend ${serviceFrontendName(service)}`;

/** Where services are reached now, by name: frontends of their own, as loaded, and rows of the range, as they run. */
function servedOn({ settings, listened, last, rangePorts }: Holds): ReadonlyMap<string, readonly BindAddress[]> {
  const served = new Map<string, readonly BindAddress[]>();
  const range = settings.servicePortRange;
  if (range !== undefined && last === undefined)
    for (const [name, ports] of rangePorts())
      served.set(
        name,
        ports.map((port) => ({ address: range.address, port })),
      );
  for (const { inRange, name, binds } of last ?? []) if (inRange) served.set(name, binds);
  for (const section of listened.sections()) {
    const name = /^frontend (.+)_in$/.exec(section)?.[1];
    if (name !== undefined) served.set(name, listened.of(section));
  }
  return served;
}

/**
 * The name that a service had under another service port, which is part of it; undefined where that is not certain: several ports
 * of the app may have moved.
 */
function movedFrom(
  { app, name }: ServiceFrontend,
  services: readonly ServiceFrontend[],
  served: ReadonlyMap<string, unknown>,
  held: Holds['held'],
): string | undefined {
  const stuck = services.filter((one) => one.app === app && one.binds.every((bind) => held.has(formatBind(bind))));
  if (stuck.length !== 1) return undefined;
  const wanted = new Set<string>(services.map((one) => one.name));
  const before = name.replace(/\d+$/, '');
  const orphans = [...served.keys()].filter(
    (one) => one.startsWith(before) && /^\d+$/.test(one.slice(before.length)) && !wanted.has(one),
  );
  return orphans.length === 1 ? orphans[0] : undefined;
}
