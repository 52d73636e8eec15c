import type { App, HealthCheck } from './app.ts';
import { selectCheck } from './checks.ts';
import { entriesOf } from './label-parsers.ts';
import type { PortLabels } from './label-reader.ts';
import type { Origin } from './problem.ts';

/** A port's mode, and what decided it. */
export interface Mode {
  readonly value: 'http' | 'tcp';
  readonly origin: Origin;
}

const HTTP_CHECKS: ReadonlySet<HealthCheck['protocol']> = new Set(['HTTP', 'HTTPS', 'MESOS_HTTP', 'MESOS_HTTPS']);

/**
 * marathon-lb's inference: a port that borrows another's HTTP check is http, else the MODE label decides, then the port's own
 * check (HTTP alone: MESOS_HTTP and HTTPS never did, and flipping live services would break them), then VHOST.
 */
export function modeOf(app: App, portIndex: number, labels: PortLabels): Mode {
  const own = selectCheck(app.healthChecks, portIndex);
  const borrowedFrom = labels.checkPortIndex;
  const isPort = app.ports.some(({ index }) => index === borrowedFrom?.value);
  if (own === undefined && borrowedFrom?.value !== undefined && isPort) {
    const borrowed = selectCheck(app.healthChecks, borrowedFrom.value);
    if (borrowed !== undefined && HTTP_CHECKS.has(borrowed.protocol)) {
      return { value: 'http', origin: borrowedFrom.origin };
    }
  }
  if (labels.mode?.value !== undefined) return { value: labels.mode.value, origin: labels.mode.origin };
  if (own?.protocol === 'HTTP') return { value: 'http', origin: { from: 'app', app: app.id } };
  if (labels.vhosts !== undefined && asksForVhost(app, labels.vhosts.label)) {
    return { value: 'http', origin: labels.vhosts.origin };
  }
  return { value: 'tcp', origin: { from: 'default' } };
}

/** Also when no entry of the label is usable: it is a web site that was meant. Commas and blanks ask for nothing. */
const asksForVhost = (app: App, label: string): boolean => entriesOf(app.labels.get(label) ?? '', /,/).length > 0;
