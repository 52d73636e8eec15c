import { isStale, readiness } from './readiness.ts';
import { formatReason } from './reload-reason.ts';
import type { MasterState, State, StreamState } from './state.ts';
import { converged, desiredGeneration, discoveryMode, snapshotAge } from './state.ts';

/** Passes shown, newest last. */
const HISTORY_SHOWN = 20;
const CONFLICTS_SHOWN = 20;
const APPS_SHOWN = 10;

/** `/v1/status`: everything an operator needs to see whether this node is up to date. Instants are ISO times, ages ms. */
export function statusView(state: State, now: number) {
  const ready = readiness(state, now);
  const age = snapshotAge(state, now);
  return {
    version: state.version,
    now: iso(now),
    startedAt: iso(state.startedAt),
    phase: state.phase,
    phaseForMs: now - state.phaseSince,
    ready: ready.ready,
    ...(ready.ready ? { degraded: ready.degraded } : { because: ready.because, degraded: [] }),
    stale: isStale(state, now),
    converged: converged(state),
    source: sourceView(state, now),
    stream: streamView(state.stream, now),
    ...(state.snapshot === undefined || age === undefined
      ? {}
      : { snapshot: { ageMs: age, apps: state.snapshot.apps.length, takenAt: iso(state.snapshot.takenAt) } }),
    ...(state.guard === undefined ? {} : { guard: guardView(state.guard) }),
    generation: generationsOf(state),
    ...(state.lastApply === undefined ? {} : { lastApply: { ...state.lastApply, at: iso(state.lastApply.at) } }),
    ...(state.applyFailing === undefined
      ? {}
      : { applyFailing: { ...state.applyFailing, since: iso(state.applyFailing.since) } }),
    ...(state.lastReload === undefined ? {} : { lastReload: reloadView(state.lastReload) }),
    ...(state.reloadHeld === undefined ? {} : { reloadHeld: heldView(state.reloadHeld, now) }),
    spares: state.spares,
    ...(state.haproxy === undefined ? {} : { haproxy: state.haproxy }),
    ...(state.haproxyDown === undefined
      ? {}
      : { haproxyDown: { forMs: now - state.haproxyDown.since, reason: state.haproxyDown.reason } }),
    templates: state.templates,
    certificates: {
      usable: state.certificates.usable.map(({ path, names, notAfter }) => ({ path, names, notAfter })),
      refused: state.certificates.refused,
    },
    problems: state.problems.length,
    counts: state.counts,
    ...listenersView(state),
    ...diskView(state),
    ...peersView(state),
    ...(state.lastBug === undefined ? {} : { lastBug: { ...state.lastBug, at: iso(state.lastBug.at) } }),
    history: state.history.slice(-HISTORY_SHOWN).map((entry) => ({
      ...entry,
      at: iso(entry.at),
      cause: { ...entry.cause, since: iso(entry.cause.since) },
    })),
  };
}

/** Addresses that somebody else has. */
function listenersView({ heldListeners, foreignListeners, adminUnbound }: State) {
  return {
    ...(heldListeners.length === 0
      ? {}
      : { heldListeners: heldListeners.map((held) => ({ ...held, since: iso(held.since) })) }),
    ...(foreignListeners.length === 0 ? {} : { foreignListeners }),
    ...(adminUnbound === undefined ? {} : { adminUnbound: { ...adminUnbound, since: iso(adminUnbound.since) } }),
  };
}

/** What the disk does not take. */
function diskView({ diskFailing }: State) {
  if (diskFailing.size === 0) return {};
  const entries = [...diskFailing].map(([what, { since, detail }]) => ({ what, since: iso(since), detail }));
  return { diskFailing: entries };
}

/** The other edges. Of names that they give to somebody else, the first ones; how many there are stands beside them. */
function peersView({ peers, claimConflicts }: State) {
  return {
    ...(peers.length === 0 ? {} : { peers: peers.map((peer) => ({ ...peer, at: iso(peer.at) })) }),
    ...(claimConflicts.length === 0
      ? {}
      : { claimConflicts: claimConflicts.slice(0, CONFLICTS_SHOWN), claimConflictCount: claimConflicts.length }),
  };
}

/** The body of `/v1/status`. */
export type StatusView = ReturnType<typeof statusView>;

function sourceView(state: State, now: number) {
  return {
    mode: discoveryMode(state),
    ...(state.leader === undefined ? {} : { leader: state.leader }),
    masters: [...new Set([...state.settings.marathon, ...state.masters.keys()])].map((endpoint) =>
      masterView(endpoint, state.masters.get(endpoint), now),
    ),
    ...(state.healthForgotten === undefined
      ? {}
      : { healthForgotten: { ...state.healthForgotten, at: iso(state.healthForgotten.at) } }),
    ...(state.sourceFailing === undefined
      ? {}
      : { failing: { forMs: now - state.sourceFailing.since, ...state.sourceFailing.failure } }),
  };
}

/** A master that was not needed yet has only its name. */
function masterView(endpoint: string, master: MasterState | undefined, now: number) {
  if (master === undefined) return { endpoint, outcome: 'not-asked' as const };
  return {
    endpoint,
    outcome: master.outcome,
    ageMs: now - master.at,
    ...(master.lastOkAt === undefined ? {} : { lastOkAgeMs: now - master.lastOkAt }),
    tookMs: master.ms,
    failures: master.failures,
  };
}

function streamView(stream: StreamState, now: number) {
  return {
    attached: stream.attached !== undefined,
    ...(stream.attached === undefined
      ? {}
      : { endpoint: stream.attached.endpoint, attachedForMs: now - stream.attached.since }),
    ...(stream.lastByteAt === undefined ? {} : { lastByteAgeMs: now - stream.lastByteAt }),
    ...(stream.lost === undefined ? {} : { lastLoss: { ...stream.lost, at: iso(stream.lost.at) } }),
    reconnects: stream.reconnects,
    ...(stream.deaf === undefined ? {} : { deaf: deafView(stream.deaf, now) }),
  };
}

/** `poll`: while it is shortened for that reason. */
function deafView({ times, at, endpoint, apps, pollMs, until }: NonNullable<StreamState['deaf']>, now: number) {
  return {
    times,
    last: iso(at),
    endpoint,
    apps: apps.slice(0, APPS_SHOWN),
    ...(now < until ? { poll: { everyMs: pollMs, until: iso(until) } } : {}),
  };
}

function generationsOf(state: State) {
  const desired = desiredGeneration(state);
  return {
    /** The number of what should run; absent while it was not written. */
    ...(desired === undefined ? {} : { desired }),
    ...(state.written === undefined ? {} : { written: state.written.generation }),
    ...(state.running?.generation === undefined ? {} : { running: state.running.generation }),
    ...(state.running === undefined ? {} : { runningSince: iso(state.running.since) }),
  };
}

function guardView({ since, until, ...hold }: NonNullable<State['guard']>) {
  return { since: iso(since), until: iso(until), ...hold };
}

/** Reasons shown of the newest reload, the main one first. */
const REASONS_SHOWN = 10;

function reloadView({ at, word, reasons }: NonNullable<State['lastReload']>) {
  return { at: iso(at), reason: word, because: reasons.slice(0, REASONS_SHOWN).map(formatReason) };
}

function heldView({ because, detail, since, until }: NonNullable<State['reloadHeld']>, now: number) {
  return { because, detail, forMs: now - since, until: iso(until) };
}

const iso = (at: number): string => new Date(at).toISOString();
