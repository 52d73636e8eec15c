import type { App, AppId } from './app.ts';
import { hostKey, nameKey, portKey } from './claim-keys.ts';
import { readLabels } from './label-reader.ts';
import type { PathMatch } from './path-match.ts';
import type { Served } from './served.ts';
import { backendName } from './servers.ts';

/**
 * The claims of whoever is served: a node that has forgotten who holds what finds it in what its HAProxy runs. Apps that are
 * no longer there hold nothing, and where a backend's name does not tell whose it is, it is left open.
 */
export function claimsOfServed(
  { routes, services, backends }: Served,
  apps: readonly App[],
  pathMatch: PathMatch,
): ReadonlyMap<string, AppId> {
  const byId = new Map(apps.map((app) => [app.id, app]));
  const holders = new Map<string, AppId>();
  for (const [backend, { app }] of backends) {
    const holder = app === undefined ? undefined : holderOf(backend, app, byId);
    if (holder !== undefined) holders.set(backend, holder);
  }
  const claims = new Map<string, AppId>();
  const claim = (key: string, backend: string): void => {
    const holder = holders.get(backend);
    if (holder !== undefined) claims.set(key, holder);
  };
  for (const route of routes) claim(hostKey(route, pathMatch), route.backend);
  for (const { address, port, backend } of services) claim(portKey({ address, port }), backend);
  for (const backend of holders.keys()) claim(nameKey(backend), backend);
  return claims;
}

/** The app, or the deployment group that goes by the backend's name: a group's lines belong to its oldest member. */
function holderOf(backend: string, id: AppId, apps: ReadonlyMap<AppId, App>): AppId | undefined {
  const app = apps.get(id);
  if (app === undefined) return undefined;
  const port = Number(/_(\d{1,5})$/.exec(backend)?.[1]);
  const group = readLabels(app).app.deploymentGroup?.value;
  if (group !== undefined && backendName(group, port) === backend) return `${group}/` as AppId;
  return backendName(id, port) === backend ? id : undefined;
}
