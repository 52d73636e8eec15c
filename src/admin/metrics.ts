import { Gauge, Registry } from 'prom-client';
import type { DaemonEvent } from '../core/events.ts';
import { mainWord, type ReloadWord } from '../core/reload-reason.ts';
import { unreachable } from '../core/result.ts';
import type { State } from '../core/state.ts';
import { createEventCounters, type EventCounters, type StreamLoss } from './event-counters.ts';
import { createEventLoopGauge } from './event-loop-gauge.ts';
import { createStateGauges } from './state-gauges.ts';

/** Prometheus metrics. */
export interface Metrics {
  observe(event: DaemonEvent): void;
  waitStarted(): void;
  waitEnded(outcome: WaitOutcome, seconds: number): void;
  /** The exposition text; gauges of the present come from the state, ages count up to `now` (ms since the epoch). */
  text(state: State, now: number): Promise<string>;
  readonly contentType: string;
}

/** How a wait for a route ended. */
type WaitOutcome = 'ready' | 'timeout' | 'gone';

/** Metrics with a registry of their own: a second `createMetrics` in one process does not meet the first. */
export function createMetrics(options: { readonly version: string; readonly endpoints: readonly string[] }): Metrics {
  const registry = new Registry();
  const build = { name: 'portolan_build_info', help: 'Version of Portolan; always 1', labelNames: ['version'] };
  new Gauge({ ...build, registers: [registry] }).labels(options.version).set(1);
  const gauges = createStateGauges(registry, options.endpoints);
  const counters = createEventCounters(registry);
  createEventLoopGauge(registry);
  const seen: Seen = { planned: 'start' };
  return {
    observe: (event) => count(counters, seen, event),
    waitStarted: () => counters.waiters.inc(),
    waitEnded(outcome, seconds) {
      counters.waiters.dec();
      counters.waits.observe({ outcome }, seconds);
    },
    async text(state, now) {
      await gauges.set(state, now);
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** What one event tells about a later one. */
interface Seen {
  leader?: string;
  /** What the reload under way counts under. */
  planned: ReloadWord;
}

function count(counters: EventCounters, seen: Seen, event: DaemonEvent): void {
  switch (event.type) {
    case 'marathon-request':
      counters.requests.inc({ op: event.op, outcome: event.outcome });
      if (event.leader !== undefined && seen.leader !== undefined && event.leader !== seen.leader)
        counters.leaderChanges.inc();
      if (event.leader !== undefined) seen.leader = event.leader;
      return;
    case 'marathon-event':
      counters.event(event.eventType, event.relevant);
      return;
    case 'stream-lost':
      counters.reconnects.inc({ reason: reasonWord(event.reason) });
      return;
    case 'stream-deaf':
      counters.deaf.inc();
      return;
    case 'health-forgotten':
      counters.healthForgotten.inc();
      return;
    case 'snapshot-failed':
      counters.rejected.inc({ reason: event.failure.kind });
      return;
    case 'snapshot-taken':
      counters.propagation.observe({ stage: 'snapshot' }, event.ms / 1000);
      return;
    case 'table-built':
      counters.propagation.observe({ stage: 'build' }, event.ms / 1000);
      return;
    case 'rendered':
      counters.render.observe(event.ms / 1000);
      counters.propagation.observe({ stage: 'render' }, event.ms / 1000);
      return;
    case 'reload-needed':
      seen.planned = mainWord(event.plan.reload);
      return;
    case 'validated':
    case 'validation-failed':
      counters.validations.inc({ outcome: outcomeOf(event) });
      counters.validation.observe(event.ms / 1000);
      counters.propagation.observe({ stage: 'validate' }, event.ms / 1000);
      return;
    case 'applied':
      if (event.via === 'reload') {
        counters.reloads.inc({ reason: mainWord(event.plan.reload), outcome: 'success' });
        counters.reload.observe(event.reloadMs / 1000);
      }
      if (event.via === 'runtime') counters.commands.inc({ outcome: 'done' }, event.commands ?? 0);
      counters.propagation.observe({ stage: event.via === 'runtime' ? 'runtime' : 'reload' }, event.reloadMs / 1000);
      counters.propagation.observe({ stage: 'total' }, event.sinceCauseMs / 1000);
      return;
    case 'apply-failed':
      counters.reloads.inc({ reason: seen.planned, outcome: 'failure' });
      return;
    case 'runtime-doubt':
      counters.commands.inc({ outcome: 'doubt' });
      return;
    case 'drift':
      counters.drift.inc(event.differences.length);
      return;
    case 'taken-out':
      counters.takenOut.inc(event.servers);
      return;
    case 'haproxy-cured':
      counters.cures.inc({ cure: event.cure });
      return;
    case 'shrink-held':
      if (!event.again) counters.guard.inc({ outcome: 'held' });
      return;
    case 'shrink-ended':
      counters.guard.inc({ outcome: event.how });
      return;
    // What these change is read from the state when metrics are asked for.
    case 'started':
    case 'stopping':
    case 'stream-attached':
    case 'stream-byte':
    case 'redirect-refused':
    case 'host-unresolvable':
    case 'template-refused':
    case 'templates-loaded':
    case 'certificates-loaded':
    case 'pass-started':
    case 'pass-finished':
    case 'render-failed':
    case 'apply-held':
    case 'bug':
    case 'haproxy-up':
    case 'haproxy-down':
    case 'haproxy-seen':
    case 'reload-held':
    case 'published':
    case 'spares-counted':
    case 'listeners-held':
    case 'foreign-listeners':
    case 'admin-unbound':
    case 'admin-bound':
    case 'disk-failing':
    case 'disk-recovered':
    case 'shrink-witnessed':
    case 'app-quarantined':
    case 'app-released':
    case 'claims-taken':
    case 'claims-open':
    case 'peers-seen':
      return;
    default:
      unreachable(event);
  }
}

const outcomeOf = (event: Extract<DaemonEvent, { type: 'validated' | 'validation-failed' }>): string =>
  event.type === 'validated' ? 'valid' : event.unchecked ? 'unchecked' : 'invalid';

/** The reason is a sentence for people, mostly of the network; the label is a word from a closed set. */
function reasonWord(reason: string): StreamLoss {
  return REASON_PATTERNS.find(([, pattern]) => pattern.test(reason))?.[0] ?? 'other';
}

const REASON_PATTERNS: readonly (readonly [StreamLoss, RegExp])[] = [
  ['silence', /^silence|idle/i],
  ['lifetime', /life ?time/i],
  ['deaf', /^deaf/],
  ['stopped', /^stopped/i],
  ['redirect', /not configured|redirect/i],
  ['unauthorized', /credentials|unauthorized|\b40[13]\b/i],
  ['status', /status|content type/i],
  ['refused', /refused/i],
  ['timeout', /time ?out|no connection in time/i],
  ['closed', /ended|closed|reset|terminated|other side/i],
];
