import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Cure } from '../core/events.ts';
import type { SourceFailure } from '../core/ports.ts';
import { RELOAD_WORDS } from '../core/reload-reason.ts';
import type { HoldEnd } from '../core/trust.ts';
import { createEventTally } from './event-tally.ts';

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RELOAD_REASONS = Object.keys(RELOAD_WORDS);

/** Why an event stream ended, as a label. */
export type StreamLoss = (typeof STREAM_LOSSES)[number];
const STREAM_LOSSES = [
  'silence',
  'lifetime',
  'deaf',
  'stopped',
  'redirect',
  'unauthorized',
  'status',
  'refused',
  'timeout',
  'closed',
  'other',
] as const;
const READ_FAILURES: readonly SourceFailure['kind'][] = [
  'unreachable',
  'timeout',
  'unauthorized',
  'http-status',
  'not-json',
  'not-apps',
  'truncated',
  'too-large',
  'aborted',
  'tls',
  'redirect-refused',
  'file-unreadable',
];

const CURES: readonly Cure[] = ['continued', 'killed', 'master-signalled', 'socket-restored'];
const GUARD_OUTCOMES: readonly (HoldEnd | 'held')[] = ['held', 'explained', 'repeated', 'operator', 'refuted'];

/** The metrics that count what happens. */
export type EventCounters = ReturnType<typeof createEventCounters>;

/** Registers them. Every one with a closed set of labels starts at 0, so that rates see the first event. */
export function createEventCounters(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames: [...labelNames], buckets: BUCKETS, registers });
  const counters = {
    requests: counter('portolan_marathon_requests_total', 'Requests to Marathon', ['op', 'outcome']),
    leaderChanges: counter('portolan_marathon_leader_changes_total', 'Changes of the leading master seen'),
    event: createEventTally(registry),
    reconnects: counter('portolan_stream_reconnects_total', 'Losses of the event stream', ['reason']),
    deaf: counter('portolan_stream_deaf_total', 'Event streams that told nothing of what a full read found'),
    healthForgotten: counter('portolan_health_forgotten_total', 'Times that most health results were gone at once'),
    rejected: counter('portolan_snapshot_rejected_total', 'Reads of the source that failed', ['reason']),
    render: histogram('portolan_render_duration_seconds', 'Time to render a configuration'),
    validation: histogram('portolan_validation_duration_seconds', 'Time of haproxy -c'),
    validations: counter('portolan_validations_total', 'Runs of haproxy -c', ['outcome']),
    reloads: counter('portolan_reloads_total', 'Reloads of HAProxy, each under its main reason', ['reason', 'outcome']),
    reload: histogram('portolan_reload_duration_seconds', 'Time from the reload to its proof'),
    commands: counter('portolan_runtime_commands_total', 'Commands over HAProxy’s socket', ['outcome']),
    drift: counter('portolan_drift_total', 'Differences found in a running HAProxy and put right'),
    takenOut: counter('portolan_servers_taken_out_total', 'Servers taken out of rotation by an event alone'),
    cures: counter('portolan_haproxy_cures_total', 'What was done about a HAProxy that ran and did not work', ['cure']),
    propagation: histogram('portolan_propagation_seconds', 'Time from the first hint to traffic', ['stage']),
    guard: counter('portolan_guard_decisions_total', 'Answers that lacked too much, by what became of them', [
      'outcome',
    ]),
    waiters: new Gauge({ name: 'portolan_waiters', help: 'Requests that wait for a route', registers }),
    waits: histogram('portolan_wait_duration_seconds', 'How long requests waited for a route', ['outcome']),
  };
  for (const op of ['app', 'apps', 'versions', 'events', 'leader', 'deployments'])
    counters.requests.inc({ op, outcome: 'ok' }, 0);
  for (const reason of STREAM_LOSSES) counters.reconnects.inc({ reason }, 0);
  for (const reason of READ_FAILURES) counters.rejected.inc({ reason }, 0);
  for (const outcome of GUARD_OUTCOMES) counters.guard.inc({ outcome }, 0);
  for (const outcome of ['done', 'doubt']) counters.commands.inc({ outcome }, 0);
  for (const outcome of ['valid', 'invalid', 'unchecked']) counters.validations.inc({ outcome }, 0);
  for (const reason of RELOAD_REASONS) {
    for (const outcome of ['success', 'failure']) counters.reloads.inc({ reason, outcome }, 0);
  }
  for (const stage of ['snapshot', 'build', 'render', 'runtime', 'validate', 'reload', 'total']) {
    counters.propagation.zero({ stage });
  }
  for (const cure of CURES) counters.cures.inc({ cure }, 0);
  for (const outcome of ['ready', 'timeout', 'gone']) counters.waits.zero({ outcome });
  return counters;
}
