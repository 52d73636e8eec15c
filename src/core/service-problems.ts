import type { App, AppId } from './app.ts';
import { needsHttp } from './balance.ts';
import type { BackendCheck } from './checks.ts';
import type { RoutedApp } from './deployments.ts';
import type { PortLabels, ReadLabel } from './label-reader.ts';
import { labelProblem } from './label-reader.ts';
import type { Problem, ProblemCode } from './problem.ts';
import { printable } from './problem.ts';
import type { Route } from './routing.ts';

/** A problem with an app itself, not with one of its labels. */
export function appProblem(code: ProblemCode, effect: Problem['effect'], app: AppId, says: string): Problem {
  return { code, effect, message: printable(`${printable(app)}: ${says}.`, 500), origin: { from: 'app', app } };
}

/** Labels that were understood but do nothing where they stand, and what of a check could not be copied. */
export function pointlessLabels(
  app: App,
  labels: PortLabels,
  decided: { readonly mode: 'http' | 'tcp'; readonly routes: readonly Route[]; readonly check: BackendCheck },
): readonly Problem[] {
  const problems: Problem[] = [];
  const pointless = (label: ReadLabel<unknown> | undefined, when: boolean, says: string) => {
    if (label?.value === undefined || !when) return;
    const origin = { app: app.id, label: label.label };
    problems.push(labelProblem('LabelWithoutEffect', 'notice', origin, says));
  };
  const isTcp = decided.mode === 'tcp';
  const noHost = labels.vhosts === undefined;
  const noOneHost = !noHost && decided.routes.length > 0 && decided.routes.every(({ match }) => match === 'wildcard');
  const needsVhost = 'it needs a VHOST label beside it';
  const needsModeHttp = 'it needs mode http, and the port is served in mode tcp';
  pointless(labels.path, noHost, needsVhost);
  pointless(labels.weight, noHost, needsVhost);
  pointless(labels.redirectToHttps, noHost && labels.redirectToHttps?.value === true, needsVhost);
  pointless(labels.rootRedirect, noHost && !isTcp, needsVhost);
  pointless(labels.rootRedirect, noOneHost && !isTcp, 'it needs a VHOST that is no wildcard');
  pointless(labels.hsts, isTcp && labels.hsts?.value === true, needsModeHttp);
  pointless(labels.sticky, isTcp && labels.sticky?.value === true, `${needsModeHttp}; only its TCP check stays`);
  pointless(labels.proxyPass, isTcp, needsModeHttp);
  pointless(labels.reverseProxy, isTcp, needsModeHttp);
  pointless(labels.rootRedirect, isTcp, needsModeHttp);
  const { balance, mode, checkPortIndex } = labels;
  pointless(
    balance,
    isTcp && balance?.value !== undefined && needsHttp(balance.value),
    `${needsModeHttp}; it is roundrobin`,
  );
  pointless(mode, mode?.value === 'tcp' && !isTcp, 'the health check borrowed from another port makes the mode http');
  if (checkPortIndex?.value !== undefined && app.ports.every(({ index }) => index !== checkPortIndex.value)) {
    const origin = { app: app.id, label: checkPortIndex.label };
    const says = `the app has no port with index ${checkPortIndex.value}`;
    const expected = `the index of one of its ports, 0 to ${app.ports.length - 1}`;
    const more = { value: `${checkPortIndex.value}`, expected, example: '0' };
    problems.push(labelProblem('LabelInvalid', 'value-ignored', origin, says, more));
  }
  if (decided.check.refusedPath !== undefined) {
    const says = `the path of its health check, "${printable(decided.check.refusedPath, 60)}", cannot be copied to HAProxy; / is checked instead`;
    problems.push({
      ...appProblem('CheckInvalid', 'value-ignored', app.id, says),
      value: printable(decided.check.refusedPath),
      expected: 'a path that starts with / and holds only characters of a URL',
      example: '/health',
    });
  }
  return problems;
}

/** Tasks that would get traffic if it were known where they are: one problem for each reason. */
export function missingAddresses({ app, tasks }: RoutedApp, portIndex: number): readonly Problem[] {
  const missing = tasks.flatMap(({ task }) =>
    task.missing.flatMap(({ portIndex: index, because }) => (index === portIndex ? [{ task, because }] : [])),
  );
  const unresolved = missing.filter(({ because }) => because === 'host-unresolvable');
  const others = missing.filter(({ because }) => because !== 'host-unresolvable' && because !== 'not-active');
  const told = (code: ProblemCode, lacking: typeof missing, says: string): readonly Problem[] => {
    const shown = lacking
      .slice(0, 3)
      .map(({ task, because }) => `${task.id} on ${task.host || 'no agent'} (${because})`);
    const list = lacking.length > 3 ? [...shown, `${lacking.length - 3} more`] : shown;
    return lacking.length === 0 ? [] : [appProblem(code, 'notice', app.id, `${says}: ${list.join(', ')}`)];
  };
  return [
    ...told('HostUnresolvable', unresolved, `for port ${portIndex}, agents have no known address`),
    ...told('NoAddress', others, `for port ${portIndex}, tasks have no address`),
  ];
}
