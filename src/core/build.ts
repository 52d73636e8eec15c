import type { App, AppId, Port, Snapshot } from './app.ts';
import { appIdRoutes } from './app-ids.ts';
import type { CertificateSet } from './certificates.ts';
import type { Awarded } from './contest.ts';
import { contest } from './contest.ts';
import type { RoutedApp } from './deployments.ts';
import { mergeDeployments } from './deployments.ts';
import type { Labels } from './label-reader.ts';
import { NO_PORT_LABELS, readLabels } from './label-reader.ts';
import type { Memory } from './memory.ts';
import { byFirst, byText } from './order.ts';
import type { Checked, Problem } from './problem.ts';
import type { AppIdRoute, Backend, Route, RoutingTable, ServiceFrontend } from './routing.ts';
import type { LabelledApp } from './selection.ts';
import { isOurs, isServed } from './selection.ts';
import { assignPorts, autoPortKey } from './service-ports.ts';
import type { Service } from './services.ts';
import { buildServices } from './services.ts';
import type { Settings } from './settings.ts';
import { dropShadowed } from './shadowing.ts';
import { isRoutable, rememberVerdicts } from './verdicts.ts';

/** What HAProxy should do, what had to be left out, and what the next pass must know. */
export type BuiltTable = Checked<RoutingTable> & { readonly memory: Memory };

/** Builds routing tables. Same input, same table, whatever the order of the apps. */
export type TableBuilder = (
  snapshot: Snapshot,
  settings: Settings,
  certificates: CertificateSet,
  memory: Memory,
) => BuiltTable;

/** A table built from scratch; see `createBuilder`. */
export const buildRoutingTable: TableBuilder = (...input) => createBuilder()(...input);

interface BuiltServices {
  readonly routed: RoutedApp;
  readonly settings: Settings;
  readonly certificates: CertificateSet;
  readonly autoPorts: readonly (number | undefined)[];
  readonly services: readonly Service[];
  readonly problems: readonly Problem[];
}

/**
 * A builder that remembers what it made of each `App` object: an app that did not change gives the identical `Backend` objects
 * again, so that whoever compares or renders them pays for changes only.
 */
export function createBuilder(): TableBuilder {
  const labelsByApp = new WeakMap<App, Labels>();
  const servicesByApp = new WeakMap<App, BuiltServices>();

  const labelled = (app: App): LabelledApp => {
    const labels = labelsByApp.get(app) ?? readLabels(app);
    labelsByApp.set(app, labels);
    return { app, labels };
  };
  const servicesOf = (
    routed: RoutedApp,
    settings: Settings,
    certificates: CertificateSet,
    assigned: ReadonlyMap<string, number>,
  ): BuiltServices => {
    const autoPort = (port: Port): number | undefined => assigned.get(autoPortKey(routed.app, routed.id, port));
    const autoPorts = assigned.size === 0 ? [] : routed.app.ports.map(autoPort);
    const inputs = { routed, settings, certificates, autoPorts };
    const before = servicesByApp.get(routed.app);
    if (before !== undefined && sameInputs(before, inputs)) return before;
    const built = { ...inputs, ...buildServices(routed, { settings, certificates, autoPort }) };
    servicesByApp.set(routed.app, built);
    return built;
  };

  return (snapshot, settings, certificates, memory) => {
    const verdicts = rememberVerdicts(snapshot, memory.health);
    const apps = [...snapshot.apps].sort((a, b) => byText(a.id, b.id)).map(labelled);
    const ours = apps.filter((app) => isOurs(app, settings));
    const { apps: routed, problems: misfits } = mergeDeployments(ours, (app) =>
      app.tasks.filter((task) => isRoutable(task, verdicts, settings.healthCheck)),
    );
    const autoPorts = assignAutoPorts(routed, snapshot, settings, memory.autoPorts);
    const built = routed.map((app) => servicesOf(app, settings, certificates, autoPorts));
    const settled = contest(
      built.flatMap(({ services }) => services),
      settings,
      memory.claims,
    );
    const { routes, problems: shadowed } = dropShadowed(settled.awarded, settings.pathMatch);
    const live = leadingSomewhere(settled.awarded, routes);
    const appIds = appIdRoutes(live);
    return {
      value: assemble(live, routes, appIds.value),
      problems: inOrder([
        ...ours.flatMap(({ labels }) => labels.problems),
        ...misfits,
        ...built.flatMap(({ problems }) => problems),
        ...settled.problems,
        ...shadowed,
        ...appIds.problems,
      ]),
      memory: {
        claims: kept(memory.claims, settled.claims),
        health: verdicts,
        autoPorts: kept(memory.autoPorts, autoPorts),
      },
    };
  };
}

type Inputs = Omit<BuiltServices, 'services' | 'problems'>;

/** Whether services would come out the same. Tasks are compared one by one, since which of them get traffic changes by itself. */
function sameInputs(a: Inputs, b: Inputs): boolean {
  const tasks = a.routed.tasks;
  return (
    a.settings === b.settings &&
    a.certificates === b.certificates &&
    a.routed.id === b.routed.id &&
    tasks.length === b.routed.tasks.length &&
    b.routed.tasks.every(
      ({ task, admission }, index) => tasks[index]?.task === task && tasks[index]?.admission === admission,
    ) &&
    a.autoPorts.length === b.autoPorts.length &&
    a.autoPorts.every((port, index) => port === b.autoPorts[index])
  );
}

/** Ports for the container-mode services that have none; those that Marathon or a label gave to anybody are avoided. */
function assignAutoPorts(
  routed: readonly RoutedApp[],
  snapshot: Snapshot,
  settings: Settings,
  remembered: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const range = { min: settings.minServPortIpPerTask, max: settings.maxServPortIpPerTask };
  const used = new Set(snapshot.apps.flatMap(({ ports }) => ports.flatMap(({ servicePort }) => servicePort ?? [])));
  const keys: string[] = [];
  for (const { id, app, labels } of routed) {
    for (const port of app.ports) {
      const labelled = (labels.ports.get(port.index) ?? NO_PORT_LABELS).port?.value;
      if (labelled !== undefined) used.add(labelled);
      const needsOne = labelled === undefined && port.servicePort === undefined && port.protocol === 'tcp';
      const mayHaveOne = app.network === 'container' && isServed(labels, port.index, settings);
      if (needsOne && mayHaveOne) keys.push(autoPortKey(app, id, port));
    }
  }
  const { httpBind, httpsBind, appidBind, statsBind, adminBind } = settings;
  const reserved = [...httpBind, ...httpsBind, ...appidBind, ...statsBind, adminBind].map(({ port }) => port);
  return assignPorts(keys, range, remembered, used, new Set(reserved));
}

/** Services with servers, or whose hosts lead to them all the same. */
function leadingSomewhere(awarded: readonly Awarded[], routes: readonly Route[]): readonly Awarded[] {
  const routed = new Set(routes.map(({ backend }) => backend));
  return awarded.filter(({ service: { backend } }) => backend.servers.length > 0 || routed.has(backend.name));
}

/** Puts the table together from what each service got. Only what something leads to is in it. */
function assemble(live: readonly Awarded[], routes: readonly Route[], appIds: readonly AppIdRoute[]): RoutingTable {
  const routed = new Set(routes.map(({ backend }) => backend));
  const services = live.flatMap(({ service: { backend, frontend }, binds }): ServiceFrontend[] => {
    if (backend.servers.length === 0 || binds.length === 0) return [];
    return [binds.length === frontend.binds.length ? frontend : { ...frontend, binds }];
  });
  const reachable = new Set([...routed, ...[...services, ...appIds].map(({ backend }) => backend)]);
  const place = ({ binds }: ServiceFrontend) => binds[0] ?? { port: 0, address: '' };
  return {
    services: services.sort((a, b) =>
      byFirst(place(a).port - place(b).port, byText(place(a).address, place(b).address), byText(a.name, b.name)),
    ),
    routes: [...routes].sort((a, b) =>
      byFirst(byText(a.host, b.host), byText(a.path ?? '', b.path ?? ''), Number(a.ignoreCase) - Number(b.ignoreCase)),
    ),
    appIds,
    backends: live
      .flatMap(({ service: { backend } }): Backend[] => (reachable.has(backend.name) ? [backend] : []))
      .sort((a, b) => byText(a.name, b.name)),
  };
}

/** Problems in a fixed order, each once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const key = ({ origin, code, message }: Problem): string => {
    const app: AppId | '' = origin.from === 'app' || origin.from === 'label' ? origin.app : '';
    return [app, origin.from === 'label' ? origin.label : '', code, message].join('\n');
  };
  const byKey = new Map(problems.map((problem) => [key(problem), problem]));
  return [...byKey].sort(([a], [b]) => byText(a, b)).map(([, problem]) => problem);
}

/** The map of before when nothing changed, so that nothing needs to be saved; else the new one, sorted. */
function kept<V>(before: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  const same = before.size === now.size && [...now].every(([key, value]) => before.get(key) === value);
  return same ? before : new Map([...now].sort(([a], [b]) => byText(a, b)));
}
