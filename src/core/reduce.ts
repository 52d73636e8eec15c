import type { DaemonEvent } from './events.ts';
import type { OpenPass } from './history.ts';
import { recordPass } from './history.ts';
import type { HaproxyFailure } from './ports.ts';
import { reduceDisk } from './reduce-disk.ts';
import { reduceListeners } from './reduce-listeners.ts';
import { reduceHaproxy, reduceOutside } from './reduce-outside.ts';
import { mainWord } from './reload-reason.ts';
import { unreachable } from './result.ts';
import type { ApplyFailing, State } from './state.ts';

/** The state after an event. Pure: equal events in equal order give equal states. */
export function reduce(state: State, event: DaemonEvent): State {
  const { at } = event;
  if (event.type !== 'marathon-event') return { ...reduceByType(state, event), at };
  // Marathon says hundreds of things a second, and a state is large: it is copied once.
  return { ...state, at, counts: { ...state.counts, marathonEvents: state.counts.marathonEvents + 1 } };
}

function reduceByType(state: State, event: Exclude<DaemonEvent, { type: 'marathon-event' }>): State {
  switch (event.type) {
    case 'started':
      return { ...enter(state, 'idle', event.at), version: event.version, haproxy: event.haproxy };
    case 'stopping':
      return enter(state, 'stopping', event.at);
    case 'pass-started':
      return {
        ...enter(state, 'running', event.at),
        openPass: { cause: event.cause, startedAt: event.at, stages: {}, reasons: [] },
      };
    case 'snapshot-taken': {
      const { sourceFailing: _, ...rest } = state;
      return { ...inPass(rest, { stages: { snapshot: event.ms } }), snapshot: event.snapshot };
    }
    case 'health-forgotten':
      return { ...state, healthForgotten: { at: event.at, tasks: event.tasks, of: event.of } };
    case 'snapshot-failed':
      return {
        ...inPass(state, { failure: `${event.failure.endpoint}: ${event.failure.kind}: ${event.failure.detail}` }),
        sourceFailing: { since: state.sourceFailing?.since ?? event.at, failure: event.failure },
      };
    case 'table-built':
      return { ...inPass(state, { stages: { build: event.ms } }), table: event.table, problems: event.problems };
    case 'render-failed':
      return failing(state, event.at, 'render', `${event.failure.file}: ${event.failure.message}`);
    case 'rendered':
      return rendered(state, event);
    case 'validated':
      return {
        ...inPass(state, { stages: { validate: (state.openPass?.stages.validate ?? 0) + event.ms } }),
        written: { digest: state.desired?.digest ?? '', generation: event.generation, at: event.at },
        counts: { ...state.counts, validations: state.counts.validations + 1 },
      };
    case 'validation-failed':
      return validationFailed(state, event);
    case 'applied':
      return applied(state, event);
    case 'published':
    case 'runtime-doubt':
    case 'drift':
    case 'taken-out':
    // What is quarantined is told with the problems of the table.
    case 'app-quarantined':
    case 'app-released':
      return state;
    case 'reload-needed':
      return inPass(state, { reasons: event.plan.reload });
    case 'spares-counted':
      return { ...state, spares: event.spares };
    case 'apply-failed':
      return applyFailed(state, event.at, event.failure);
    case 'apply-held':
      // Nothing was tried: the pass itself has no failure.
      return { ...state, applyFailing: applyFailing(state, event.at, 'reload', ...refusal(event.failure)) };
    case 'pass-finished':
      return finished(state, event);
    case 'bug':
      return {
        ...(state.openPass === undefined ? state : failing(state, event.at, 'bug', event.message)),
        lastBug: { at: event.at, message: event.message },
        counts: { ...state.counts, bugs: state.counts.bugs + 1 },
      };
    case 'haproxy-up':
    case 'haproxy-down':
    case 'haproxy-seen':
    case 'haproxy-cured':
    case 'reload-held':
      return reduceHaproxy(state, event);
    case 'stream-attached':
    case 'stream-lost':
    case 'stream-byte':
    case 'stream-deaf':
    case 'marathon-request':
    case 'redirect-refused':
    case 'host-unresolvable':
    case 'template-refused':
    case 'templates-loaded':
    case 'certificates-loaded':
    case 'shrink-held':
    case 'shrink-witnessed':
    case 'shrink-ended':
      return reduceOutside(state, event);
    case 'listeners-held':
    case 'foreign-listeners':
    case 'admin-unbound':
    case 'admin-bound':
      return reduceListeners(state, event);
    case 'disk-failing':
    case 'disk-recovered':
      return reduceDisk(state, event);
    case 'peers-seen':
      return { ...state, peers: event.peers, claimConflicts: event.conflicts };
    case 'claims-taken':
    case 'claims-open':
      return state;
    default:
      return unreachable(event);
  }
}

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

function rendered(state: State, event: Of<'rendered'>): State {
  const next = {
    ...inPass(state, {
      stages: { render: (state.openPass?.stages.render ?? 0) + event.ms },
    }),
    desired: state.desired?.digest === event.digest ? state.desired : { digest: event.digest, at: event.at },
  };
  return event.plan.reload.length === 0 ? recovered(next) : next;
}

function validationFailed(state: State, event: Of<'validation-failed'>): State {
  const detail = event.diagnostics[0]?.message ?? 'haproxy -c refused the configuration without a word';
  return {
    ...failing(
      inPass(state, { stages: { validate: (state.openPass?.stages.validate ?? 0) + event.ms } }),
      event.at,
      'validation',
      detail,
      event.diagnostics,
    ),
    counts: {
      ...state.counts,
      validations: state.counts.validations + (event.unchecked ? 0 : 1),
      failedValidations: state.counts.failedValidations + (event.unchecked ? 0 : 1),
    },
  };
}

function applied(state: State, event: Of<'applied'>): State {
  const runtime = event.via === 'runtime';
  const now = runtime ? state : released(state);
  return {
    ...recovered(inPass(now, { applied: event, reasons: event.plan.reload })),
    running: {
      generation: event.generation,
      config: event.config,
      ...(runtime ? { loaded: state.running?.loaded ?? state.running?.config ?? event.config } : {}),
      since: runtime ? (state.running?.since ?? event.at) : event.at,
    },
    lastApply: { ok: true, at: event.at, generation: event.generation },
    ...(event.via === 'reload'
      ? { lastReload: { at: event.at, word: mainWord(event.plan.reload), reasons: event.plan.reload } }
      : {}),
    counts: {
      ...state.counts,
      reloads: state.counts.reloads + (runtime ? 0 : 1),
      runtimeChanges: state.counts.runtimeChanges + (runtime ? 1 : 0),
    },
  };
}

function applyFailed(state: State, at: number, failure: HaproxyFailure): State {
  return {
    ...failing(state, at, 'reload', ...refusal(failure)),
    lastApply: {
      ok: false,
      at,
      detail: failure.detail,
      ...(state.written === undefined ? {} : { generation: state.written.generation }),
    },
    counts: { ...state.counts, failedReloads: state.counts.failedReloads + 1 },
  };
}

/** What an `ApplyFailing` says of HAProxy's refusal. */
function refusal(failure: HaproxyFailure): readonly [detail: string, diagnostics: ApplyFailing['diagnostics']] {
  return [`${failure.kind}: ${failure.detail}`, failure.kind === 'reload-failed' ? failure.diagnostics : []];
}

function finished(state: State, event: Of<'pass-finished'>): State {
  const { openPass, ...rest } = state;
  const settled = event.outcome === 'failed' || event.outcome === 'waiting' ? rest : recovered(released(rest));
  const left =
    state.phase === 'stopping'
      ? settled
      : enter(settled, event.outcome === 'failed' ? 'backing-off' : 'idle', event.at);
  return {
    ...left,
    counts: { ...state.counts, passes: state.counts.passes + 1 },
    history: openPass === undefined ? state.history : recordPass(state.history, openPass, event),
  };
}

function failing(
  state: State,
  at: number,
  stage: ApplyFailing['stage'],
  detail: string,
  diagnostics: ApplyFailing['diagnostics'] = [],
): State {
  return {
    ...inPass(state, { failure: `${stage}: ${detail}` }),
    applyFailing: applyFailing(state, at, stage, detail, diagnostics),
  };
}

function applyFailing(
  state: State,
  at: number,
  stage: ApplyFailing['stage'],
  detail: string,
  diagnostics: ApplyFailing['diagnostics'],
): ApplyFailing {
  return { since: state.applyFailing?.since ?? at, stage, detail, diagnostics };
}

function recovered(state: State): State {
  const { applyFailing: _, ...rest } = state;
  return rest;
}

function released(state: State): State {
  const { reloadHeld: _, ...rest } = state;
  return rest;
}

function inPass(state: State, more: Partial<OpenPass>): State {
  const { openPass } = state;
  if (openPass === undefined) return state;
  return { ...state, openPass: { ...openPass, ...more, stages: { ...openPass.stages, ...more.stages } } };
}

function enter(state: State, phase: State['phase'], at: number): State {
  if (state.phase === 'stopping' || state.phase === phase) return state;
  return { ...state, phase, phaseSince: at };
}
