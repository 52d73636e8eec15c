import type { AppId } from './app.ts';
import type { AutoPorts } from './auto-ports.ts';
import type { CertificateSet } from './certificates.ts';
import type { RoutedApp } from './deployments.ts';
import type { Difference } from './difference.ts';
import type { Problem } from './problem.ts';
import { keepProblems } from './problem-order.ts';
import type { Service } from './services.ts';
import { buildServices } from './services.ts';
import type { Settings } from './settings.ts';

/** The services of one app, and all that they were made of. */
export interface BuiltServices {
  readonly routed: RoutedApp;
  readonly autoPorts: readonly (number | undefined)[];
  readonly services: readonly Service[];
  readonly problems: readonly Problem[];
}

/** The services of a node's apps. */
export interface KeptServices {
  /** Builds what is routed otherwise, and what the certificates or assigned ports make different. */
  change(
    routed: Difference<RoutedApp>,
    certificates: CertificateSet,
    assigned: ReadonlyMap<string, number>,
  ): Difference<BuiltServices>;
  all(): readonly BuiltServices[];
}

/** Nothing built yet. */
export function createKeptServices(settings: Settings, { wanted }: Pick<AutoPorts, 'wanted'>): KeptServices {
  const built = new Map<AppId, BuiltServices>();
  let usable: CertificateSet | undefined;

  function build(
    routed: RoutedApp,
    was: BuiltServices | undefined,
    certificates: CertificateSet,
    ports: BuiltServices['autoPorts'],
  ): BuiltServices {
    const made = buildServices(routed, { settings, certificates, autoPort: ({ index }) => ports[index] });
    const before = new Map(was?.services.map((service) => [service.backend.name, service]));
    const services = made.services.map((service) => keepEqual(before.get(service.backend.name), service));
    return { routed, autoPorts: ports, services, problems: keepProblems(was?.problems, made.problems) };
  }

  /** Those that stay as they are and must be built again all the same. */
  function outdated(certificates: CertificateSet, portsOf: PortsOf): readonly RoutedApp[] {
    const bound = certificates === usable ? [] : [...built.values()].map(({ routed }) => routed).filter(isBound);
    const moved = [...wanted().keys()].filter((routed) => {
      const was = built.get(routed.id);
      return was?.routed === routed && !sameItems(was.autoPorts, portsOf(routed));
    });
    return [...new Set([...bound, ...moved])];
  }

  return {
    change({ gone, came }, certificates, assigned) {
      const portsOf: PortsOf = (routed) =>
        wanted()
          .get(routed)
          ?.map((key) => (key === undefined ? undefined : assigned.get(key))) ?? [];
      const replaced = new Map<AppId, BuiltServices>();
      const takeOut = ({ id }: RoutedApp): void => {
        const was = built.get(id);
        if (was !== undefined) replaced.set(id, was);
        built.delete(id);
      };
      gone.forEach(takeOut);
      const again = outdated(certificates, portsOf);
      again.forEach(takeOut);
      usable = certificates;
      const fresh = [...came, ...again].map((routed) =>
        build(routed, replaced.get(routed.id), certificates, portsOf(routed)),
      );
      for (const now of fresh) built.set(now.routed.id, now);
      return { gone: [...replaced.values()], came: fresh };
    },
    all: () => [...built.values()],
  };
}

/** Its labels may name certificates or authorities: a certificate that came, went or was renewed may make a difference. */
const isBound = ({ labels }: RoutedApp): boolean =>
  [...labels.ports.values()].some(
    ({ certificate, bindOptions }) => certificate !== undefined || bindOptions !== undefined,
  );

/** The ports assigned to an app, by place. */
type PortsOf = (routed: RoutedApp) => BuiltServices['autoPorts'];

/** Parts that say what they said are the objects of before, so that what goes by identity sees only what changed. */
function keepEqual(before: Service | undefined, now: Service): Service {
  if (before === undefined) return now;
  const { backend, frontend, routes } = now;
  const parts = {
    backend: equal(before.backend, backend) ? before.backend : backend,
    frontend: equal(before.frontend, frontend) ? before.frontend : frontend,
    routes: equal(before.routes, routes) ? before.routes : routes,
  };
  const { backend: b, frontend: f, routes: r } = parts;
  const same = b === before.backend && f === before.frontend && r === before.routes && equal(before, now);
  return same ? before : { ...now, ...parts };
}

/** All of it is plain data, made in one place and so with its keys in one order. */
const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
