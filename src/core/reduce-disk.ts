import type { DaemonEvent } from './events.ts';
import { unreachable } from './result.ts';
import type { State } from './state.ts';

/** What the disk takes and does not take. */
export function reduceDisk(
  state: State,
  event: Extract<DaemonEvent, { type: 'disk-failing' | 'disk-recovered' }>,
): State {
  const diskFailing = new Map(state.diskFailing);
  switch (event.type) {
    case 'disk-failing': {
      const since = diskFailing.get(event.what)?.since ?? event.at;
      return { ...state, diskFailing: diskFailing.set(event.what, { since, detail: event.detail }) };
    }
    case 'disk-recovered':
      diskFailing.delete(event.what);
      return { ...state, diskFailing };
    default:
      return unreachable(event);
  }
}
