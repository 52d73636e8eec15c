import { EventSource } from 'eventsource';
import type { AppId } from '../core/app.ts';
import type { ChangeHint, Clock, SourceFailure } from '../core/ports.ts';
import { printable } from '../core/problem.ts';
import { createAlarms } from './alarms.ts';
import { startDeadline } from './deadline.ts';
import type { HintNews, HintQueue } from './hint-queue.ts';
import { ATTACHED, createEventReader, isRoutingEvent, ROUTING_EVENTS } from './marathon-events.ts';
import type { Master } from './masters.ts';
import type { OutOfTouch } from './out-of-touch.ts';
import { createStreamFetch, type StreamFetchParts } from './stream-fetch.ts';
import type { MarathonTimings } from './timings.ts';

/** What one stream touches. */
export interface StreamParts extends StreamFetchParts {
  readonly clock: Clock;
  readonly timings: MarathonTimings;
  readonly random: () => number;
  readonly hint: HintQueue['push'];
  /** Tasks of these apps get traffic only once Marathon has found them healthy. */
  readonly checked: (apps: readonly AppId[]) => boolean;
  /** An event names these apps, whether a look at them is needed or not. */
  readonly heard: (scope: ChangeHint['scope']) => void;
  /** Is told of tasks that are out of touch, and of those that end. */
  readonly outOfTouch: Pick<OutOfTouch, 'lost' | 'ended'>;
  /** The subscription is active. */
  readonly attached: () => void;
}

/** How one stream ended. */
export interface StreamEnd {
  /** Milliseconds since it was attached; 0 when it never was. */
  readonly lived: number;
  /** It was closed because of its age: nothing is wrong with its master. */
  readonly aged: boolean;
}

/** One line of an event stream may be this long (characters); a longer one ends the stream and is read anew. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** The path of the event bus: everything that can change routing, without the whole cluster in every plan. */
const EVENTS_PATH = `/v2/events?plan-format=light&${ROUTING_EVENTS.map((type) => `event_type=${type}`).join('&')}`;

/**
 * Opens one event stream at one master and stays with it until it is lost, it turns out to be `deaf`, or `signal` ends it. Never
 * throws, never reconnects: `eventsource` would ask the same master for ever, hence it is closed at its first error.
 *
 * The stream counts as attached at its first event, or when it has stood open for `attachGrace`; only then is a full
 * read hinted at, so that nothing falls between reading and listening. Silence on the wire ends it: Marathon beats.
 */
export async function followStream(
  parts: StreamParts,
  master: Master,
  signal: AbortSignal,
  deaf: AbortSignal,
): Promise<StreamEnd> {
  const { clock, timings, masters } = parts;
  const alarms = createAlarms(clock);
  const silence = startDeadline(alarms, timings.streamOpen, AbortSignal.any([signal, deaf]));
  const life = startDeadline(alarms, timings.streamLife * (0.9 + 0.2 * parts.random()), silence.signal);
  const grace = new AbortController();
  const session = createSession(parts, master);
  const startedAt = clock.now();
  let why: string | undefined;
  let told = false;

  const fetch = createStreamFetch(parts, master, {
    head(from, outcome, leader) {
      told = true;
      session.movedTo(from);
      silence.extend(timings.streamIdle);
      reportRequest(parts, from, outcome, clock.now() - startedAt, leader);
      if (outcome === 'ok') {
        masters.worked(from, leader);
        void clock.sleep(timings.attachGrace, grace.signal).then(() => {
          if (!grace.signal.aborted) session.attach();
        });
      }
    },
    bytes() {
      silence.extend(timings.streamIdle);
      session.bytes();
    },
    failed(outcome, detail) {
      if (life.signal.aborted) return;
      why = detail;
      told = true;
      reportRequest(parts, master, outcome, clock.now() - startedAt, undefined);
    },
  });

  const source = new EventSource(`${master.origin}${master.prefix}${EVENTS_PATH}`, {
    fetch,
    maxBufferSize: LONGEST_LINE,
  });
  const lost = new Promise<string>((resolve) => {
    source.addEventListener('error', (event) => resolve(why ?? event.message ?? 'the stream ended'));
    life.signal.addEventListener('abort', () => resolve(endReason(signal, deaf, silence.expired())), { once: true });
    if (life.signal.aborted) resolve('stopped');
  });
  for (const type of ['message', ...ROUTING_EVENTS]) {
    source.addEventListener(type, (event) => session.event(type === 'message' ? '' : type, event.data));
  }

  const reason = printable(await lost, 300);
  const aged = life.expired() && !silence.expired();
  source.close();
  if (!told && silence.expired()) reportRequest(parts, master, 'timeout', clock.now() - startedAt, undefined);
  grace.abort();
  life.stop();
  silence.stop();
  alarms.close();
  return { lived: session.end(reason), aged };
}

function endReason(signal: AbortSignal, deaf: AbortSignal, silent: boolean): string {
  if (signal.aborted) return 'stopped';
  if (deaf.aborted) return 'deaf';
  return silent ? 'silence' : 'end of its life time';
}

function reportRequest(
  { emit }: StreamParts,
  master: Master,
  outcome: 'ok' | SourceFailure['kind'],
  ms: number,
  leader: string | undefined,
): void {
  const told = leader === undefined ? {} : { leader };
  emit({ type: 'marathon-request', endpoint: master.endpoint, op: 'events', outcome, ms, ...told });
}

/** What is known of one stream while it lasts. */
function createSession(parts: StreamParts, first: Master) {
  const { clock, timings, emit, hint, checked, heard, attached, outOfTouch } = parts;
  const read = createEventReader();
  let endpoint = first.endpoint;
  let attachedAt: number | undefined;
  let confirmed = false;
  let reportedAt = Number.NEGATIVE_INFINITY;

  const attach = () => {
    if (attachedAt !== undefined) return;
    attachedAt = clock.now();
    emit({ type: 'stream-attached', endpoint });
    attached();
    hint('all', 'connected');
  };

  return {
    attach,
    movedTo(master: Master) {
      endpoint = master.endpoint;
    },
    bytes() {
      if (clock.now() - reportedAt < timings.byteReport) return;
      reportedAt = clock.now();
      emit({ type: 'stream-byte', endpoint });
    },
    event(frameType: string, data: string) {
      const { eventType, scope, idle, patient, lost, leaving, removed } = read(frameType, data);
      const apps = scope === 'all' ? [] : scope;
      emit({ type: 'marathon-event', eventType: printable(eventType, 60), relevant: isRoutingEvent(eventType), apps });
      // Everybody's attaching is announced to everybody; the first one on this stream is our own.
      if (eventType === ATTACHED && !confirmed) {
        confirmed = true;
        if (attachedAt !== undefined) hint('all', 'connected');
      }
      attach();
      heard(scope);
      if (lost !== undefined) outOfTouch.lost(lost);
      if (leaving !== undefined) outOfTouch.ended(leaving);
      if (scope !== 'all' && (scope.length === 0 || idle === true)) return;
      const waits = patient === true || (patient === 'until-healthy' && checked(apps));
      hint(scope, eventType, newsOf(leaving, removed, waits));
    },
    /** Milliseconds that the stream was attached. */
    end(reason: string): number {
      emit({ type: 'stream-lost', endpoint, reason });
      return attachedAt === undefined ? 0 : clock.now() - attachedAt;
    },
  };
}

const NOTHING_MORE: HintNews = {};
const MAY_WAIT: HintNews = { patient: true };

/** Most events say no more than where to look. */
function newsOf(leaving: HintNews['leaving'], removed: HintNews['removed'], waits: boolean): HintNews {
  const patient = waits ? MAY_WAIT : NOTHING_MORE;
  if (leaving === undefined && removed === undefined) return patient;
  return { ...patient, ...(leaving && { leaving }), ...(removed && { removed }) };
}
