import type { Settlement } from './claims.ts';
import type { Origin, Problem, ProblemCode } from './problem.ts';
import { appOf, printable } from './problem.ts';
import type { Route } from './routing.ts';
import type { BindWanted, HostWanted, Reserved } from './service-claims.ts';
import type { Service } from './services.ts';
import { formatBind } from './settings.ts';

type Lost<W> = Settlement<W>['lost'][number];
type Open<W> = Settlement<W>['open'][number];

/** A host as the label spells it, with its path. */
export const hostOf = ({ match, host, path = '' }: Route): string => `${match === 'wildcard' ? '*' : ''}${host}${path}`;

/** A backend's name that somebody else has. */
export function lostName(lost: Lost<Service>): Problem {
  const { backend } = lost.claim.wants;
  return lostProblem('BackendNameConflict', lost, lost.claim.wants, backend.origin, `the backend name ${backend.name}`);
}

/** A host and path that somebody else has. */
export function lostHost(lost: Lost<HostWanted>): Problem {
  const { route, service } = lost.claim.wants;
  return lostProblem('HostnameConflict', lost, service, route.origin, hostOf(route));
}

/** An address and port that somebody else has. */
export function lostBind(lost: Lost<BindWanted>): Problem {
  const { bind, service } = lost.claim.wants;
  return lostProblem('PortConflict', lost, service, service.portOrigin, formatBind(bind));
}

/** A backend's name that nobody gets yet. */
export function openName(open: Open<Service>): Problem {
  const { backend } = open.claim.wants;
  return openProblem('BackendNameConflict', open, open.claim.wants, backend.origin, `the backend name ${backend.name}`);
}

/** A host and path that nobody gets yet. */
export function openHost(open: Open<HostWanted>): Problem {
  const { route, service } = open.claim.wants;
  return openProblem('HostnameConflict', open, service, route.origin, hostOf(route));
}

/** An address and port that nobody gets yet. */
export function openBind(open: Open<BindWanted>): Problem {
  const { bind, service } = open.claim.wants;
  return openProblem('PortConflict', open, service, service.portOrigin, formatBind(bind));
}

/** An address and port that Portolan listens on itself. */
export function reservedBind(service: Service, { bind, ours }: Reserved): Problem {
  const says = `${formatBind(bind)} belongs to Portolan itself, which listens on ${formatBind(ours)}`;
  return conflictProblem('PortConflict', service.portOrigin, service, says);
}

/** In a sentence that names the label that asked for it, or else the app. */
function conflictProblem(code: ProblemCode, origin: Origin, { backend }: Service, says: string): Problem {
  const subject = origin.from === 'label' ? `${origin.label} of ${origin.app}` : (appOf(backend.origin) ?? backend.app);
  return { code, effect: 'route-refused', message: printable(`${subject}: ${says}.`, 500), origin };
}

function lostProblem<W>(
  code: ProblemCode,
  { claim, owner }: Lost<W>,
  service: Service,
  origin: Origin,
  what: string,
): Problem {
  const says =
    owner.holder === claim.holder
      ? `${what} belongs to port ${owner.portIndex} of the same app, so port ${claim.portIndex} does not get it`
      : `${what} belongs to ${owner.app}, which keeps it; port ${claim.portIndex} gets it when the owner leaves`;
  return conflictProblem(code, origin, service, says);
}

function openProblem<W>(
  code: ProblemCode,
  { rivals }: Open<W>,
  service: Service,
  origin: Origin,
  what: string,
): Problem {
  const [first] = rivals.map(({ app }) => app).sort();
  const says = `${what} is asked for by ${first ?? 'another app'} too, and it is not known yet who had it first; nobody gets it until it is`;
  return conflictProblem(code, origin, service, says);
}
