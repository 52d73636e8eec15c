import type { DaemonEvent, DaemonEventBody } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import { reduce } from '../core/reduce.ts';
import type { Settings } from '../core/settings.ts';
import { initialState, type State } from '../core/state.ts';

/** Where every event goes: stamped, reduced into the state, then given to all who listen. */
export interface StateStore {
  current(): State;
  emit(event: DaemonEventBody): void;
  /** `listener` is called after each event with the state that came of it. Returns its end. */
  subscribe(listener: Listener): () => void;
}

/** Log, metrics, journal, waiters. */
export type Listener = (event: DaemonEvent, state: State) => void;

/** A store without events. Events that a listener emits are delivered after the one it was given. */
export function createStateStore(version: string, settings: Settings, clock: Pick<Clock, 'now'>): StateStore {
  let state = initialState(version, settings, clock.now());
  let listeners: readonly Listener[] = [];
  const waiting: DaemonEvent[] = [];
  let delivering = false;

  function deliver(): void {
    delivering = true;
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
      take(event);
      for (const listener of listeners) tell(listener, event);
    }
    delivering = false;
  }

  /** An event that cannot be reduced leaves the state as it was; all others still come through. */
  function take(event: DaemonEvent): void {
    try {
      state = reduce(state, event);
    } catch (error) {
      bug(event, error);
    }
  }

  /** A listener that throws costs its own line, not the loop: the others are told of it. */
  function tell(listener: Listener, event: DaemonEvent): void {
    try {
      listener(event, state);
    } catch (error) {
      bug(event, error);
    }
  }

  function bug(event: DaemonEvent, error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    if (event.type !== 'bug') waiting.push({ type: 'bug', message, stack: stack ?? '', at: clock.now() });
  }

  return {
    current: () => state,
    emit(event) {
      waiting.push({ ...event, at: clock.now() });
      if (!delivering) deliver();
    },
    subscribe(listener) {
      listeners = [...listeners, listener];
      return () => {
        listeners = listeners.filter((one) => one !== listener);
      };
    },
  };
}
