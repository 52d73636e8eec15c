import { listenersOverlap } from './address.ts';
import type { Listened } from './listened.ts';
import type { ServiceFrontend } from './routing.ts';
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

  function reduced(service: ServiceFrontend, binds: ServiceFrontend['binds']): ServiceFrontend {
    const text = JSON.stringify(binds);
    const before = known.get(service);
    if (before?.text === text) return before.made;
    const made = { ...service, binds };
    known.set(service, { text, made });
    return made;
  }

  return (services, holds) => {
    const { held } = holds;
    const left = services.flatMap((service) => {
      if (service.inRange || !service.binds.some((bind) => held.has(formatBind(bind)))) return [service];
      const free = service.binds.filter((bind) => !held.has(formatBind(bind)));
      const binds = free.length > 0 ? free : oldBinds(service, services, holds);
      return binds.length === 0 ? [] : [reduced(service, binds)];
    });
    return left.sort(byFirstBind);
  };
}

function oldBinds(
  service: ServiceFrontend,
  services: readonly ServiceFrontend[],
  { held, settings, listened }: Holds,
): ServiceFrontend['binds'] {
  const [like] = service.binds;
  if (like === undefined || service.binds.some((bind) => held.get(formatBind(bind))?.yields)) return [];
  const own = listened.of(sectionOf(service));
  const old = own.length > 0 ? own : listened.of(movedFrom(service, services, { held, listened }) ?? '');
  if (old.length === 0) return [];
  const others = wantedBinds(services, settings).filter(({ bind }) => !held.has(formatBind(bind)));
  const isFree = ({ address, port }: BindAddress): boolean =>
    !others.some(({ bind }) => bind.port === port && listenersOverlap(bind.address, address));
  return old.filter(isFree).map(({ address, port }) => ({ ...like, address, port }));
}

/** The section that listens for a service. */
export const sectionOf = (service: ServiceFrontend): string => `frontend ${serviceFrontendName(service)}`;

/**
 * The frontend that a service had under another service port, which is part of its name; undefined where that is not certain:
 * several ports of the app may have moved.
 */
function movedFrom(
  { app, name }: ServiceFrontend,
  services: readonly ServiceFrontend[],
  { held, listened }: Pick<Holds, 'held' | 'listened'>,
): string | undefined {
  const stuck = services.filter((one) => one.app === app && one.binds.every((bind) => held.has(formatBind(bind))));
  if (stuck.length !== 1) return undefined;
  const wanted = new Set(services.map(sectionOf));
  const before = `frontend ${name.replace(/\d+$/, '')}`;
  const orphans = listened
    .sections()
    .filter((one) => one.startsWith(before) && /^\d+_in$/.test(one.slice(before.length)) && !wanted.has(one));
  return orphans.length === 1 ? orphans[0] : undefined;
}
