import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import { appsField, counted, type Description, line, MOST_SHOWN, round } from './event-line.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

/** What comes from Marathon, DNS and the operator's files, in words. */
export function describeOutside(
  event: Of<
    | 'stream-attached'
    | 'stream-lost'
    | 'stream-byte'
    | 'stream-deaf'
    | 'marathon-event'
    | 'marathon-request'
    | 'redirect-refused'
    | 'host-unresolvable'
    | 'template-refused'
    | 'templates-loaded'
    | 'certificates-loaded'
  >,
): Description {
  switch (event.type) {
    case 'stream-attached':
      return line('info', `event stream of ${event.endpoint} attached`, { endpoint: event.endpoint });
    case 'stream-lost':
      return line(
        event.reason === 'stopped' ? 'info' : 'warn',
        `event stream of ${event.endpoint} lost: ${event.reason}`,
        { endpoint: event.endpoint },
      );
    case 'stream-byte':
      return line('trace', 'event stream is alive', { endpoint: event.endpoint });
    case 'stream-deaf': {
      const { endpoint, apps, pollMs, until } = event;
      const message = `event stream of ${endpoint} is deaf: it told nothing of changes in ${counted(apps.length, 'app')}; it is opened anew, and polls come every ${round(pollMs)} ms for a while`;
      return line('warn', message, { endpoint, ...appsField(apps), pollMs, until });
    }
    case 'marathon-event': {
      const fields = { eventType: event.eventType, relevant: event.relevant, ...appsField(event.apps) };
      return line('debug', `Marathon says ${event.eventType}`, fields, event.relevant);
    }
    case 'marathon-request':
      return line(
        event.outcome === 'ok' ? 'debug' : 'warn',
        `${event.op} from ${event.endpoint}: ${event.outcome} (${round(event.ms)} ms)`,
        {
          endpoint: event.endpoint,
          op: event.op,
          outcome: event.outcome,
          leader: event.leader,
          ms: round(event.ms),
        },
        false,
      );
    case 'redirect-refused':
      return line('warn', `${event.endpoint} sends to ${event.target}, which is not configured: refused`, {
        endpoint: event.endpoint,
      });
    case 'host-unresolvable':
      return line('warn', `agent ${event.host} cannot be resolved: ${event.reason}`, { host: event.host });
    case 'template-refused': {
      const { file, line: at, message } = event.failure;
      return line(
        'error',
        `template ${file}${at === undefined ? '' : `:${at}`} refused, the old one stays: ${message}`,
        { file },
      );
    }
    case 'templates-loaded':
      return line('info', `templates loaded, overridden: ${event.overridden.join(', ') || 'none'}`, {
        overridden: event.overridden,
      });
    case 'certificates-loaded': {
      const { usable, refused } = event.certificates;
      const [first] = refused;
      const example = first === undefined ? '' : `: ${first.path}: ${first.reason}`;
      const message = `${counted(usable.length, 'certificate')} usable, ${refused.length} refused${example}`;
      return line(refused.length > 0 ? 'warn' : 'info', message, { refused: refused.slice(0, MOST_SHOWN) });
    }
    default:
      return unreachable(event);
  }
}
