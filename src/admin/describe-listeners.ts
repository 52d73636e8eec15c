import type { DaemonEvent } from '../core/events.ts';
import { formatHolder } from '../core/listener.ts';
import { unreachable } from '../core/result.ts';
import { formatBind } from '../core/settings.ts';
import { appsField, counted, type Description, line, MOST_SHOWN } from './event-line.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

/** Addresses that somebody else has, in words. */
export function describeListeners(
  event: Of<'listeners-held' | 'foreign-listeners' | 'admin-unbound' | 'admin-bound'>,
): Description {
  switch (event.type) {
    case 'listeners-held': {
      const { held } = event;
      const [first] = held;
      if (first === undefined) return line('info', 'every wanted address is listened on, none is held back', {});
      const apps = [...new Set(held.flatMap(({ app }) => app ?? []))];
      return line('warn', `${counted(held.length, 'listener')} held back, all others serve: ${first.why}`, {
        held: held.slice(0, MOST_SHOWN).map(({ bind, why }) => ({ bind: formatBind(bind), why })),
        ...appsField(apps),
      });
    }
    case 'foreign-listeners': {
      const { found } = event;
      const [first] = found;
      if (first === undefined) return line('info', 'nobody else listens where HAProxy does', {});
      const example = `${formatHolder(first)} on ${formatBind(first.bind)}`;
      return line('error', `somebody else listens where HAProxy does, and takes connections from it: ${example}`, {
        found: found.slice(0, MOST_SHOWN).map(({ bind, ...who }) => ({ bind: formatBind(bind), ...who })),
      });
    }
    case 'admin-unbound':
      return line(
        'error',
        `the admin API cannot listen on ${event.place}, and is tried again: ${event.detail}; it answers on its UNIX socket; another address: --admin-bind`,
        { place: event.place },
      );
    case 'admin-bound':
      return line('info', `admin API on ${event.place}`, { place: event.place });
    default:
      return unreachable(event);
  }
}
