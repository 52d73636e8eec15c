import type { AppId } from './app.ts';
import type { Awarded } from './contest.ts';
import type { Difference } from './difference.ts';
import { byFirst, byText } from './order.ts';
import type { Problem } from './problem.ts';
import type { AppIdRoute, Backend, BackendName } from './routing.ts';
import { appProblem } from './service-problems.ts';

/** What the frontend looks up that goes by app ids, anew where it is different. */
export interface AppIds {
  /** `revisit`: awards whose `isLive` may be another one now. */
  change(
    awards: Difference<Awarded>,
    revisit: readonly Awarded[],
    isLive: (award: Awarded) => boolean,
  ): {
    readonly routes: Difference<AppIdRoute>;
    readonly problems: Difference<Problem>;
    /** Backends that an app id may lead to since, or no longer. */
    readonly touched: readonly BackendName[];
  };
  leadsTo(backend: Backend): boolean;
}

/** All that could be looked up by one id, and what is. */
interface Candidates {
  readonly awards: readonly Awarded[];
  readonly route?: AppIdRoute;
  readonly problems: readonly Problem[];
}

const NOBODY: Candidates = { awards: [], problems: [] };

/**
 * Leads each app's id to its first service in mode http, by service port as marathon-lb does. Ids that differ in case only are
 * one id there: the first app by id has it, the others are told.
 */
export function createAppIds(): AppIds {
  const ids = new Map<string, Candidates>();
  return {
    change({ gone, came }, revisit, isLive) {
      const left = new Set(gone);
      const added = Map.groupBy(came, idOf);
      const before: Candidates[] = [];
      const after: Candidates[] = [];
      for (const id of new Set([...gone, ...came, ...revisit].map(idOf))) {
        const was = ids.get(id) ?? NOBODY;
        const awards = [...was.awards.filter((award) => !left.has(award)), ...(added.get(id) ?? [])];
        const now = { awards, ...choose(id, awards.filter(isLive), was.route) };
        if (awards.length === 0) ids.delete(id);
        else ids.set(id, now);
        before.push(was);
        after.push(now);
      }
      return {
        routes: { gone: before.flatMap(({ route }) => route ?? []), came: after.flatMap(({ route }) => route ?? []) },
        problems: { gone: before.flatMap((one) => one.problems), came: after.flatMap((one) => one.problems) },
        touched: after.flatMap(({ awards }) => awards.map(({ service }) => service.backend.name)),
      };
    },
    leadsTo: ({ app, name }) => ids.get(app.toLowerCase())?.route?.backend === name,
  };
}

const idOf = ({ service: { backend } }: Awarded): string => backend.app.toLowerCase();

function choose(id: string, live: readonly Awarded[], before: AppIdRoute | undefined): Omit<Candidates, 'awards'> {
  const http = live.map(({ service }) => service).filter(({ backend }) => backend.profile.mode === 'http');
  http.sort((a, b) => byFirst(byText(a.backend.app, b.backend.app), a.servicePort - b.servicePort));
  const [first] = http;
  if (first === undefined) return { problems: [] };
  const { app, name } = first.backend;
  const same = before?.app === app && before.backend === name;
  const route = same ? before : { appId: id, backend: name, app };
  const others = new Map<AppId, Backend>();
  for (const { backend } of http) if (backend.app !== app && !others.has(backend.app)) others.set(backend.app, backend);
  return { route, problems: [...others.values()].map((backend) => lostProblem(backend, route)) };
}

function lostProblem({ app, origin }: Backend, owner: AppIdRoute): Problem {
  const says = `X-Marathon-App-Id ${owner.appId} leads to ${owner.app}, whose id differs in case only, which does not count there; rename one of the apps`;
  return { ...appProblem('HostnameConflict', 'notice', app, says), origin };
}
