import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import { appsField, counted, type Description, line, MOST_SHOWN } from './event-line.ts';

const SOURCES = {
  running: 'what HAProxy runs',
  peers: 'other edges',
  versions: 'the versions of the apps',
} as const;

/** Who holds which name, here and on other edges, in words. */
export function describeOwners(
  event: Extract<DaemonEvent, { type: 'claims-taken' | 'claims-open' | 'peers-seen' }>,
): Description {
  switch (event.type) {
    case 'claims-taken':
      return line('info', `${SOURCES[event.from]} told who holds ${counted(event.count, 'name')}`, {
        from: event.from,
        count: event.count,
      });
    case 'claims-open':
      if (event.count === 0) return line('info', 'every name has its owner again');
      return line(
        'warn',
        `several apps ask for the same and nobody had it first as far as is known yet: ${counted(event.count, 'name')} served to nobody until it is`,
        { count: event.count, ...appsField(event.apps) },
      );
    case 'peers-seen': {
      const { peers, conflicts } = event;
      const [first] = conflicts;
      const silent = peers.filter(({ reachable }) => !reachable);
      const fields = { peers: peers.map(({ url, reachable, detail }) => ({ url, reachable, detail })) };
      if (first !== undefined) {
        const example = `${first.key} belongs to ${first.here} here and to ${first.there} at ${first.peer}`;
        return line(
          'error',
          `edges serve different apps on ${counted(conflicts.length, 'name')}: ${example}; nothing is changed, rename one of them`,
          { ...fields, conflicts: conflicts.slice(0, MOST_SHOWN) },
        );
      }
      const [lost] = silent;
      if (lost !== undefined) return line('warn', `peer ${lost.url} cannot be asked: ${lost.detail ?? ''}`, fields);
      return line('info', `${counted(peers.length, 'peer')} asked, all give every name to the same app`, fields);
    }
    default:
      return unreachable(event);
  }
}
