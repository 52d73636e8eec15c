import type { AppId, Port, Version } from './app.ts';
import { buildBackend } from './backend.ts';
import type { CertificateSet } from './certificates.ts';
import { backendCheck } from './checks.ts';
import type { RoutedApp } from './deployments.ts';
import { isRoutableAppId } from './label-parsers.ts';
import type { PortLabels } from './label-reader.ts';
import { labelProblem, NO_PORT_LABELS } from './label-reader.ts';
import { modeOf } from './mode.ts';
import { isInRange } from './port-range.ts';
import type { Origin, Problem } from './problem.ts';
import type { Backend, Route, ServiceFrontend } from './routing.ts';
import { isServed } from './selection.ts';
import { backendName } from './servers.ts';
import { wantedBinds } from './service-binds.ts';
import { appProblem, missingAddresses, pointlessLabels } from './service-problems.ts';
import { wantedRoutes } from './service-routes.ts';
import type { Settings } from './settings.ts';

/** One port of an app as it wants to be served, before others were asked. */
export interface Service {
  readonly backend: Backend;
  readonly frontend: ServiceFrontend;
  readonly routes: readonly Route[];
  readonly weight: number;
  readonly explicitWeight: boolean;
  /** Whose its claims are as they are remembered. */
  readonly holder: AppId;
  /** Who asked first gets a contested name. */
  readonly configVersion: Version;
  readonly servicePort: number;
  /** Where its service port came from. */
  readonly portOrigin: Origin;
  /** It must not be served: what should protect it cannot be understood. It keeps its names meanwhile. */
  readonly refused: boolean;
}

/** What services depend on besides their app. */
export interface ServiceInputs {
  readonly settings: Settings;
  readonly certificates: CertificateSet;
  /** The port assigned by us, for ports without one of their own. */
  readonly autoPort: (port: Port) => number | undefined;
}

/** The services of one app and what is wrong with them. Nobody else's labels play a part. */
export function buildServices(
  routed: RoutedApp,
  inputs: ServiceInputs,
): { readonly services: readonly Service[]; readonly problems: readonly Problem[] } {
  const { app, labels } = routed;
  if (!isRoutableAppId(routed.id)) {
    const says = 'its id holds other characters than letters, digits and . _ - /, so no backend can be named after it';
    return { services: [], problems: [appProblem('AppMalformed', 'app-excluded', app.id, says)] };
  }
  const problems: Problem[] = [];
  const services = app.ports.flatMap((port) => {
    if (!isServed(labels, port.index, inputs.settings)) return [];
    return buildService(routed, port, labels.ports.get(port.index) ?? NO_PORT_LABELS, inputs, problems) ?? [];
  });
  return { services, problems };
}

function buildService(
  routed: RoutedApp,
  port: Port,
  labels: PortLabels,
  inputs: ServiceInputs,
  problems: Problem[],
): Service | undefined {
  const { app, id } = routed;
  if (port.protocol === 'udp') {
    problems.push(
      appProblem('UdpNotProxied', 'notice', app.id, `port ${port.index} is UDP, which HAProxy does not proxy`),
    );
    return undefined;
  }
  const servicePort = labels.port?.value ?? port.servicePort ?? inputs.autoPort(port);
  if (servicePort === undefined) {
    const says = `port ${port.index} has no service port, and none could be assigned; a PORT label or --min-serv-port-ip-per-task gives one`;
    problems.push(appProblem('NoServicePort', 'route-refused', app.id, says));
    return undefined;
  }
  const name = backendName(id, servicePort);
  const mode = modeOf(app, port.index, labels);
  const place = {
    id,
    app,
    portIndex: port.index,
    backend: name,
    mode: mode.value,
    pathMatch: inputs.settings.pathMatch,
  };
  const wanted = wantedRoutes(place, labels);
  const { binds, problems: bindProblems } = wantedBinds(app, servicePort, labels, inputs.certificates);
  const borrowed = labels.checkPortIndex?.value;
  const isPort = app.ports.some(({ index }) => index === borrowed);
  const sticky = labels.sticky?.value === true;
  const check = backendCheck(app, port.index, mode.value, { borrowed: isPort ? borrowed : undefined, sticky });
  const refusal = refusalOf(app.id, labels, mode.value);
  problems.push(
    ...wanted.problems,
    ...bindProblems,
    ...refusal.problems,
    ...pointlessLabels(app, labels, { mode: mode.value, routes: wanted.routes, check }),
    ...missingAddresses(routed, port.index),
  );
  const origin: Origin = { from: 'app', app: app.id };
  return {
    backend: buildBackend({ name, routed, portIndex: port.index, labels, mode, check, routes: wanted.routes }),
    frontend: {
      name,
      mode: mode.value,
      binds,
      ...(isInRange(binds, inputs.settings.servicePortRange) ? { inRange: true } : {}),
      backend: name,
      app: id,
      portIndex: port.index,
      origin,
    },
    routes: wanted.routes,
    weight: wanted.weight,
    explicitWeight: wanted.explicit,
    holder: routed.holder,
    configVersion: app.configVersion,
    servicePort,
    portOrigin: labels.port?.value === undefined ? origin : labels.port.origin,
    refused: refusal.refused,
  };
}

/** A port that asked for protection which cannot be given is not served at all. */
function refusalOf(app: RoutedApp['id'], labels: PortLabels, mode: 'http' | 'tcp') {
  const { auth, allowedNetworks } = labels;
  const broken = [auth, allowedNetworks].some((label) => label !== undefined && label.value === undefined);
  if (mode === 'http' || auth?.value === undefined) return { refused: broken, problems: [] };
  const says = 'passwords cannot be asked for in mode tcp; the port is not served without them';
  const problem = labelProblem('LabelWithoutEffect', 'route-refused', { app, label: auth.label }, says);
  return { refused: true, problems: [problem] };
}
