import type { AppId } from './app.ts';
import type { Awarded } from './contest.ts';
import { byFirst, byText } from './order.ts';
import type { Checked, Problem } from './problem.ts';
import type { AppIdRoute, Backend } from './routing.ts';
import { appProblem } from './service-problems.ts';

/**
 * Each app's first service in mode http, for the frontend that looks app ids up. Ids that differ in case only are one id there:
 * the first app by id has it, the others are told.
 */
export function appIdRoutes(live: readonly Awarded[]): Checked<readonly AppIdRoute[]> {
  const http = live.map(({ service }) => service.backend).filter(({ profile }) => profile.mode === 'http');
  http.sort((a, b) => byFirst(byText(a.app, b.app), a.portIndex - b.portIndex));
  const first = new Map<string, AppIdRoute>();
  const lost = new Map<AppId, Problem>();
  for (const backend of http) {
    const appId = backend.app.toLowerCase();
    const owner = first.get(appId);
    if (owner === undefined) first.set(appId, { appId, backend: backend.name, app: backend.app });
    else if (owner.app !== backend.app) lost.set(backend.app, lostProblem(backend, owner));
  }
  return { value: [...first.values()].sort((a, b) => byText(a.appId, b.appId)), problems: [...lost.values()] };
}

function lostProblem({ app, origin }: Backend, owner: AppIdRoute): Problem {
  const says = `X-Marathon-App-Id ${owner.appId} leads to ${owner.app}, whose id differs in case only, which does not count there; rename one of the apps`;
  return { ...appProblem('HostnameConflict', 'notice', app, says), origin };
}
