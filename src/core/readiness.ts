import type { State } from './state.ts';
import { snapshotAge } from './state.ts';

/** What `/readyz` says: may this node get traffic, and what is not as it should be. */
export type Readiness =
  | { readonly ready: false; readonly because: NotReady }
  | { readonly ready: true; readonly degraded: readonly Degraded[] };

/** Why a node must get no traffic. */
type NotReady = 'starting' | 'never-applied' | 'stopping' | 'haproxy-down';

/** What can be wrong while traffic is served. The last good configuration serves through all of these. */
type Degraded =
  /** Marathon (or the file) cannot be read. */
  | 'source-unreachable'
  /** The newest full answer is older than it should be: changes may not have arrived. */
  | 'stale'
  /** The event stream is not attached: changes arrive with the poll interval. */
  | 'polling'
  /** At least one app is left out for what it asks; `/v1/problems` names it. */
  | 'apps-excluded'
  /** The wanted configuration could not be made to run; it is tried again. */
  | 'apply-rejected'
  /** An overriding template cannot be used; the one before it is in force. */
  | 'template-refused'
  /** A certificate file cannot be used; the others are. */
  | 'certificate-refused'
  /** Somebody else has an address that should be listened on; it opens by itself. `/v1/status` names who. */
  | 'listener-held'
  /** Somebody else listens where HAProxy does. */
  | 'foreign-listener'
  /** The admin API does not listen on its address over TCP. */
  | 'admin-unbound'
  /** The disk does not take what is to be kept: all serves on, and it is tried again. `/v1/status` names what and why. */
  | 'disk-failing'
  /** A change needs a reload that has to wait: the budget of the minute, or of old workers, is used up. */
  | 'reload-held'
  /** Marathon's newest answer lacks too much to be believed; what it lacks is served on. */
  | 'shrink-held'
  /** HAProxy refuses what an app asks for: its last good form serves on; `/v1/problems` names it. */
  | 'apps-quarantined'
  /** Another edge gives a name to somebody else than this one does; `/v1/status` names both. */
  | 'peers-disagree'
  /** Another edge cannot be asked. */
  | 'peer-unreachable';

/** A pass that runs longer than this (ms) is stuck: every step of it has a shorter deadline. */
const STUCK_AFTER_MS = 15 * 60_000;
/** Grace (ms) on top of two poll intervals before a snapshot counts as stale. */
const STALE_GRACE_MS = 10_000;

/** Readiness of the node at `now` (ms since the epoch). */
export function readiness(state: State, now: number): Readiness {
  if (state.phase === 'stopping') return { ready: false, because: 'stopping' };
  if (state.phase === 'starting') return { ready: false, because: 'starting' };
  if (state.haproxyDown !== undefined) return { ready: false, because: 'haproxy-down' };
  if (state.running === undefined) return { ready: false, because: 'never-applied' };
  return { ready: true, degraded: degradations(state, now) };
}

/** True when the snapshot at hand may be outdated: the source fails, was never read, or was read too long ago. */
export function isStale(state: State, now: number): boolean {
  const age = snapshotAge(state, now);
  return state.sourceFailing !== undefined || age === undefined || age > staleAfter(state);
}

/** `/livez`: false only when a restart of Portolan is the cure. HAProxy serves through that restart. */
export function isAlive(state: State, now: number): boolean {
  return state.phase !== 'running' || now - state.phaseSince < STUCK_AFTER_MS;
}

/** `/startupz`: the start is over, whatever came of it. */
export function hasStarted(state: State): boolean {
  return state.phase !== 'starting';
}

function degradations(state: State, now: number): readonly Degraded[] {
  const age = snapshotAge(state, now);
  const wantsStream = state.settings.source === 'marathon' && state.settings.sse;
  const holds: Readonly<Record<Degraded, boolean>> = {
    'source-unreachable': state.sourceFailing !== undefined,
    stale: age === undefined || age > staleAfter(state),
    polling: wantsStream && state.stream.attached === undefined,
    'apps-excluded': state.problems.some((problem) => problem.effect === 'app-excluded'),
    'apply-rejected': state.applyFailing !== undefined,
    'template-refused': state.templates.refused !== undefined,
    'certificate-refused': state.certificates.refused.length > 0,
    'listener-held': state.heldListeners.length > 0,
    'foreign-listener': state.foreignListeners.length > 0,
    'admin-unbound': state.adminUnbound !== undefined,
    'disk-failing': state.diskFailing.size > 0,
    'reload-held': state.reloadHeld !== undefined,
    'shrink-held': state.guard !== undefined,
    'apps-quarantined': state.problems.some(({ code, effect }) => code === 'Quarantined' && effect !== 'app-excluded'),
    'peers-disagree': state.claimConflicts.length > 0,
    'peer-unreachable': state.peers.some(({ reachable }) => !reachable),
  };
  return (Object.keys(holds) as Degraded[]).filter((reason) => holds[reason]);
}

// A file is read when it changes, so its age says nothing.
const staleAfter = (state: State): number =>
  state.settings.source === 'file' ? Number.POSITIVE_INFINITY : 2 * state.settings.pollInterval + STALE_GRACE_MS;
