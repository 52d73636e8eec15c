import { listenersOverlap } from './address.ts';
import { commonEnds } from './list-maker.ts';
import { bindsIn } from './listened.ts';
import type { ServiceFrontend } from './routing.ts';
import type { BindAddress, PortRange, Settings } from './settings.ts';

/** An address that should be listened on, and who asks for it. */
export interface WantedBind {
  readonly bind: BindAddress;
  /** A service of an app; in the range of service ports, the one that has the port, if any. */
  readonly service?: ServiceFrontend;
  /** A setting: its name. */
  readonly setting?: string;
}

/** Settings whose addresses HAProxy listens on, whatever the apps. */
const SHARED: readonly (readonly ['httpBind' | 'httpsBind' | 'appidBind' | 'statsBind', string])[] = [
  ['httpBind', 'http-bind'],
  ['httpsBind', 'https-bind'],
  ['appidBind', 'appid-bind'],
  ['statsBind', 'stats-bind'],
];

/** Every address that HAProxy should listen on. As many as there are services and ports in the range. */
export function wantedBinds(services: readonly ServiceFrontend[], settings: Settings): readonly WantedBind[] {
  const shared = SHARED.flatMap(([key, setting]) => settings[key].map((bind) => ({ bind, setting })));
  const own = services
    .filter(({ inRange }) => inRange === undefined)
    .flatMap((service) => service.binds.map((bind) => ({ bind, service })));
  const range = settings.servicePortRange;
  return range === undefined ? [...shared, ...own] : [...shared, ...own, ...rangeBinds(range, services)];
}

function rangeBinds(range: PortRange, services: readonly ServiceFrontend[]): readonly WantedBind[] {
  const { address, from, to } = range;
  const users = new Map<number, ServiceFrontend>();
  const taken = new Set<number>();
  for (const service of services) {
    for (const bind of service.binds) {
      if (service.inRange) users.set(bind.port, service);
      else if (listenersOverlap(bind.address, address)) taken.add(bind.port);
    }
  }
  const wanted: WantedBind[] = [];
  for (let port = from; port <= to; port += 1) {
    const service = users.get(port);
    const bind = { address, port };
    if (!taken.has(port)) wanted.push({ bind, setting: 'service-port-range', ...(service ? { service } : {}) });
  }
  return wanted;
}

/**
 * Addresses that sections which no app owns listen on though no setting asks for them: an operator's templates do. Two listeners of
 * one address keep HAProxy from loading.
 */
export function templateBinds(sections: Iterable<string>, settings: Settings): readonly BindAddress[] {
  const asked = Map.groupBy(wantedBinds([], settings), ({ bind }) => bind.port);
  const isAsked = ({ address, port }: BindAddress): boolean =>
    asked.get(port)?.some(({ bind }) => listenersOverlap(bind.address, address)) ?? false;
  return [...sections].flatMap(bindsIn).filter((bind) => !isAsked(bind));
}

/** Whether the same addresses are wanted: services came or went only in the range, whose frontend listens anyway. */
export function wantsTheSame(before: readonly ServiceFrontend[], after: readonly ServiceFrontend[]): boolean {
  if (before === after) return true;
  const { head, tail } = commonEnds(before, after);
  const inRange = (services: readonly ServiceFrontend[]): boolean =>
    services.slice(head, services.length - tail).every((service) => service.inRange);
  return inRange(before) && inRange(after);
}

/** The settings without the addresses that are held, for rendering. Who asks for them has them reserved all the same. */
export function settingsWithout(settings: Settings, held: readonly BindAddress[]): Settings {
  const isHeld = ({ address, port }: BindAddress): boolean =>
    held.some((one) => one.port === port && one.address === address);
  const left = (binds: readonly BindAddress[]): readonly BindAddress[] => binds.filter((bind) => !isHeld(bind));
  const range = settings.servicePortRange;
  const without = range === undefined ? [] : held.filter((bind) => isOf(range, bind)).map(({ port }) => port);
  return {
    ...settings,
    httpBind: left(settings.httpBind),
    httpsBind: left(settings.httpsBind),
    appidBind: left(settings.appidBind),
    statsBind: left(settings.statsBind),
    // Also the port of a service with a frontend of its own: the range would listen on it in its place.
    ...(range === undefined || without.length === 0 ? {} : { servicePortRange: { ...range, without } }),
  };
}

const isOf = ({ address, from, to }: PortRange, bind: BindAddress): boolean =>
  bind.port >= from && bind.port <= to && listenersOverlap(bind.address, address);

/** Whether HAProxy would listen on nothing at all. */
export function listensNowhere(services: readonly ServiceFrontend[], settings: Settings): boolean {
  const range = settings.servicePortRange;
  const inRange = range === undefined ? 0 : range.to - range.from + 1 - (range.without?.length ?? 0);
  const own = services.filter((service) => service.inRange === undefined);
  return inRange <= 0 && own.length === 0 && SHARED.every(([key]) => settings[key].length === 0);
}
