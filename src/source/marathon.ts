import type { AppId, Instant } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ChangeHint, Clock, Source } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import { createAgentPool } from './agents.ts';
import { createAnnounced } from './announced.ts';
import { createHintQueue } from './hint-queue.ts';
import { createHistory } from './history.ts';
import { createMarathonHttp } from './marathon-http.ts';
import { createMarathonReader } from './marathon-reader.ts';
import { createMasters } from './masters.ts';
import type { NameResolver } from './names.ts';
import { createOutOfTouch } from './out-of-touch.ts';
import { createPoll } from './poll.ts';
import { keepStream } from './stream-keeper.ts';
import { MARATHON_TIMINGS, type MarathonTimings } from './timings.ts';
import { createWitness } from './witness.ts';

/** What the Marathon source touches. `largestBody` (bytes) and `timings` are for tests. */
export interface MarathonSourceParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly emit: (body: DaemonEventBody) => void;
  readonly names: NameResolver;
  readonly random?: () => number;
  readonly timings?: MarathonTimings;
  readonly largestBody?: number;
}

/** A source with connections to give back. */
export interface ClosableSource extends Source {
  close(): Promise<void>;
}

/** Two streams in a row that could not be had: from then on polling carries the load. */
const STREAM_FAILURES_THAT_HURRY = 2;

/**
 * Reads apps from Marathon. Hints come from the event stream and from a timer that keeps running beside it; without
 * `settings.sse` from the timer alone. `changes` serves one consumer at a time and also asks again for agents' addresses.
 */
export function createMarathonSource(parts: MarathonSourceParts): ClosableSource {
  const { settings, clock, emit, names, random = Math.random, largestBody } = parts;
  const timings = withinPoll(parts.timings ?? MARATHON_TIMINGS, settings.pollInterval);
  const masters = createMasters(settings.marathon, clock);
  const limit = largestBody === undefined ? {} : { largestBody };
  const http = createMarathonHttp({ masters, settings, clock, emit, timings, ...limit });
  const streams = createAgentPool(timings.connect);
  const queue = createHintQueue(clock);
  const poll = createPoll(settings.pollInterval, () => queue.push('all', 'poll'), clock, random);
  const announced = createAnnounced({ clock, timings, deaf: distrust });
  const outOfTouch = createOutOfTouch(clock.now);
  const reader = createMarathonReader({ http, clock, names, timings, hint: queue.push, announced, outOfTouch });

  /** Since when no event was missed. */
  let listeningSince: Instant | undefined;
  const tellStream = (event: DaemonEventBody): void => {
    if (event.type === 'stream-attached') {
      listeningSince = clock.now();
      announced.attached(event.endpoint);
    }
    if (event.type === 'stream-lost') {
      listeningSince = undefined;
      announced.lost();
    }
    emit(event);
  };

  /** The stream beats and tells nothing: another one may, and until that is known more is read. */
  function distrust(endpoint: string, apps: readonly AppId[]): void {
    const until = (clock.now() + timings.wary) as Instant;
    emit({ type: 'stream-deaf', endpoint, apps, pollMs: poll.hurryUntil(until), until });
  }

  async function* changes(signal: AbortSignal): AsyncGenerator<ChangeHint, void, void> {
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const unsubscribe = names.onChange(() => queue.push('all', 'names'));
    const running = [poll.run(until), names.run(until)];
    if (settings.sse) running.push(stream(until));
    else queue.push('all', 'start');
    try {
      yield* queue.take(signal);
    } finally {
      ended.abort();
      unsubscribe();
      await Promise.allSettled(running);
    }
  }

  const checked = (apps: readonly AppId[]): boolean =>
    settings.healthCheck && apps.every((id) => (reader.app(id)?.healthChecks.length ?? 0) > 0);

  /** The stream, and the first full read where it does not come at once. */
  async function stream(until: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const readAnyway = async () => {
      await clock.sleep(timings.firstRead, AbortSignal.any([until, settled.signal]));
      if (!until.aborted && !attached) queue.push('all', 'start');
    };
    let attached = false;
    const failuresInARow = (count: number) => {
      attached ||= count === 0;
      settled.abort();
      poll.hurry(count >= STREAM_FAILURES_THAT_HURRY);
    };
    const told = {
      emit: tellStream,
      hint: queue.push,
      checked,
      heard: announced.heard,
      outOfTouch,
      failuresInARow,
      deaf: announced.stream,
    };
    const stream = { masters, settings, pool: streams, clock, timings, random, ...told };
    await Promise.all([readAnyway(), keepStream(stream, until)]);
  }

  return {
    changes,
    resume: outOfTouch.resume,
    snapshot: reader.snapshot,
    earliest: createHistory(http, clock, timings.definitions),
    witness: createWitness({
      masters,
      http,
      clock,
      last: reader.last,
      listeningSince: () => listeningSince,
      patienceMs: timings.hedge,
    }),
    async close() {
      await Promise.all([http.close(), streams.close()]);
    },
  };
}

/** Who polls often wants to know soon that Marathon is back: silence is noticed within one interval, but not below a second. */
function withinPoll(timings: MarathonTimings, pollInterval: number): MarathonTimings {
  return { ...timings, hedge: Math.min(timings.hedge, Math.max(1_000, pollInterval)) };
}
