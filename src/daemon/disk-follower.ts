import type { RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { toldOf } from '../core/unchecked.ts';
import type { LaneWorker } from './lane.ts';

/** Writes what the socket has changed, so that whoever starts HAProxy next begins there. */
export interface DiskFollower {
  /** The worker was brought to this; the disk says something older. */
  behind(config: RenderedConfig): void;
  /** Writes, validates and publishes the newest of it. A failure is told, and tried again with the next change. */
  follow(): Promise<void>;
  /** Nothing is published while `work` goes on, which publishes something newer itself. */
  holding<T>(work: () => Promise<T>): Promise<T>;
}

interface Parts {
  readonly haproxy: Pick<Haproxy, 'validate' | 'publish'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
  /** A configuration of this digest is what runs. */
  readonly runs: (digest: string) => boolean;
  readonly worker: () => LaneWorker | undefined;
}

/** A follower with nothing to write. */
export function createDiskFollower({ haproxy, clock, emit, runs, worker }: Parts): DiskFollower {
  let newest: RenderedConfig | undefined;
  let writing: Promise<void> = Promise.resolve();
  let held = 0;

  async function write(): Promise<void> {
    const config = newest;
    const base = worker();
    if (config === undefined || base === undefined || held > 0) return;
    const startedAt = clock.now();
    newest = undefined;
    const checked = await haproxy.validate(
      config,
      'changes over the socket',
      new AbortController().signal,
      'meanwhile',
    );
    if (!checked.ok) {
      newest ??= config;
      emit({ type: 'validation-failed', ...toldOf(checked.failure), blamed: [], ms: clock.now() - startedAt });
      return;
    }
    // Another worker, or a newer change, came in between: that one is written in its turn.
    if (held > 0 || worker()?.generation !== base.generation || (newest === undefined && !runs(config.digest))) return;
    const published = await haproxy.publish(checked.value, base.generation);
    if (published.ok) emit({ type: 'published', generation: checked.value.generation, ms: clock.now() - startedAt });
    else newest ??= config;
  }

  return {
    behind(config) {
      newest = config;
    },
    follow() {
      writing = writing.then(write);
      return writing;
    },
    async holding(work) {
      held += 1;
      await writing;
      try {
        return await work();
      } finally {
        held -= 1;
      }
    },
  };
}
