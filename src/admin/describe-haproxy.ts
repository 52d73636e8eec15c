import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import { type Description, line } from './event-line.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

/** What HAProxy and its supervision report, in words. */
export function describeHaproxy(
  event: Of<'haproxy-up' | 'haproxy-down' | 'haproxy-seen' | 'haproxy-cured' | 'reload-held'>,
): Description {
  switch (event.type) {
    case 'haproxy-up':
      return line('info', `HAProxy ${event.haproxy.version ?? ''} ${event.how}`, {
        how: event.how,
        generation: event.haproxy.generation,
        masterPid: event.haproxy.masterPid,
        workerPid: event.haproxy.workerPid,
      });
    case 'haproxy-down':
      return line('error', `HAProxy is down: ${event.reason}`, {});
    case 'haproxy-seen':
      return line('trace', `HAProxy seen: ${event.haproxy.up ? 'up' : 'down'}`, {
        generation: event.haproxy.generation,
      });
    case 'haproxy-cured':
      return line('warn', `HAProxy cured: ${event.detail}`, { cure: event.cure, pid: event.pid });
    case 'reload-held':
      return line('warn', `a reload has to wait: ${event.detail}`, {
        because: event.because,
        until: new Date(event.until).toISOString(),
      });
    default:
      return unreachable(event);
  }
}
