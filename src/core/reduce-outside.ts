import type { DaemonEvent } from './events.ts';
import { unreachable } from './result.ts';
import type { MasterState, RunningState, State } from './state.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

/** What comes from Marathon, DNS and the operator's files. */
export function reduceOutside(
  state: State,
  event: Of<
    | 'stream-attached'
    | 'stream-lost'
    | 'stream-byte'
    | 'stream-deaf'
    | 'marathon-request'
    | 'redirect-refused'
    | 'host-unresolvable'
    | 'template-refused'
    | 'templates-loaded'
    | 'certificates-loaded'
    | 'shrink-held'
    | 'shrink-witnessed'
    | 'shrink-ended'
  >,
): State {
  switch (event.type) {
    case 'stream-attached':
    case 'stream-lost':
    case 'stream-byte':
    case 'stream-deaf':
      return { ...state, stream: reduceStream(state.stream, event) };
    case 'marathon-request':
      return reduceRequest(state, event);
    case 'redirect-refused':
    case 'host-unresolvable':
      return state;
    case 'template-refused':
      return { ...state, templates: { ...state.templates, refused: event.failure } };
    case 'templates-loaded':
      return { ...state, templates: { overridden: event.overridden } };
    case 'certificates-loaded':
      return { ...state, certificates: event.certificates };
    case 'shrink-held':
      return { ...state, guard: event.hold };
    case 'shrink-witnessed':
      return state;
    case 'shrink-ended': {
      const { guard: _, ...rest } = state;
      return rest;
    }
    default:
      return unreachable(event);
  }
}

/** What HAProxy and its supervisor report. */
export function reduceHaproxy(
  state: State,
  event: Of<'haproxy-up' | 'haproxy-down' | 'haproxy-seen' | 'haproxy-cured' | 'reload-held'>,
): State {
  switch (event.type) {
    case 'haproxy-up': {
      const { haproxyDown: _, ...rest } = state;
      const running = loadedBy(state, event);
      return { ...rest, haproxy: event.haproxy, ...(running === undefined ? {} : { running }) };
    }
    case 'haproxy-down':
      return {
        ...state,
        ...(state.haproxy === undefined ? {} : { haproxy: { ...state.haproxy, up: false } }),
        haproxyDown: { since: state.haproxyDown?.since ?? event.at, reason: event.reason },
      };
    case 'haproxy-seen':
      return seen(state, event);
    case 'haproxy-cured':
      return state;
    case 'reload-held': {
      const { because, until, detail, at } = event;
      return { ...state, reloadHeld: { because, until, detail, since: state.reloadHeld?.since ?? at } };
    }
    default:
      return unreachable(event);
  }
}

function loadedBy(state: State, event: Of<'haproxy-up'>): RunningState | undefined {
  const { generation } = event.haproxy;
  if (event.config === undefined) {
    // Without files, an equal number is the proof that what ran before runs again.
    return generation === undefined || generation === state.running?.generation
      ? state.running
      : { generation, since: event.at };
  }
  return { ...(generation === undefined ? {} : { generation }), config: event.config, since: event.at };
}

function seen(state: State, event: Of<'haproxy-seen'>): State {
  const { haproxyDown, ...rest } = state;
  if (event.haproxy.up) return { ...rest, haproxy: event.haproxy };
  return {
    ...rest,
    haproxy: event.haproxy,
    haproxyDown: haproxyDown ?? { since: event.at, reason: 'HAProxy does not answer' },
  };
}

function reduceStream(
  stream: State['stream'],
  event: Of<'stream-attached' | 'stream-lost' | 'stream-byte' | 'stream-deaf'>,
): State['stream'] {
  const { attached: _, ...detached } = stream;
  switch (event.type) {
    case 'stream-attached':
      return {
        ...detached,
        attached: { endpoint: event.endpoint, since: event.at },
        lastByteAt: event.at,
        reconnects: stream.everAttached ? stream.reconnects + 1 : stream.reconnects,
        everAttached: true,
      };
    case 'stream-lost':
      return { ...detached, lost: { endpoint: event.endpoint, reason: event.reason, at: event.at } };
    case 'stream-byte':
      return { ...stream, lastByteAt: event.at };
    case 'stream-deaf': {
      const { endpoint, apps, pollMs, until, at } = event;
      return { ...stream, deaf: { times: (stream.deaf?.times ?? 0) + 1, endpoint, apps, at, pollMs, until } };
    }
    default:
      return unreachable(event);
  }
}

function reduceRequest(state: State, event: Of<'marathon-request'>): State {
  const before = state.masters.get(event.endpoint);
  const good = event.outcome === 'ok';
  const lastOkAt = good ? event.at : before?.lastOkAt;
  const master: MasterState = {
    outcome: event.outcome,
    at: event.at,
    ...(lastOkAt === undefined ? {} : { lastOkAt }),
    ms: event.ms,
    failures: good ? 0 : (before?.failures ?? 0) + 1,
  };
  const changed = event.leader !== undefined && state.leader !== undefined && event.leader !== state.leader;
  return {
    ...state,
    masters: new Map(state.masters).set(event.endpoint, master),
    ...(event.leader === undefined ? {} : { leader: event.leader }),
    counts: changed ? { ...state.counts, leaderChanges: state.counts.leaderChanges + 1 } : state.counts,
  };
}
