import type { DaemonEvent } from './events.ts';
import { unreachable } from './result.ts';
import type { State } from './state.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

/** What becomes of addresses that somebody else has. */
export function reduceListeners(
  state: State,
  event: Of<'listeners-held' | 'foreign-listeners' | 'admin-unbound' | 'admin-bound'>,
): State {
  switch (event.type) {
    case 'listeners-held':
      return { ...state, heldListeners: event.held };
    case 'foreign-listeners':
      return { ...state, foreignListeners: event.found };
    case 'admin-unbound': {
      const { place, detail } = event;
      return { ...state, adminUnbound: { since: state.adminUnbound?.since ?? event.at, place, detail } };
    }
    case 'admin-bound': {
      const { adminUnbound: _, ...rest } = state;
      return rest;
    }
    default:
      return unreachable(event);
  }
}
