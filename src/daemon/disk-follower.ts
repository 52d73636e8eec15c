import type { RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { toldOf } from '../core/unchecked.ts';
import type { Accepted } from './kept-quarantine.ts';
import type { LaneWorker } from './lane.ts';

/** Writes what the socket has changed, so that whoever starts HAProxy next begins there. */
export interface DiskFollower {
  /** The worker was brought to this; the disk says something older. */
  behind(config: RenderedConfig, of: Accepted): void;
  /** The disk says something older than the worker runs. */
  isBehind(): boolean;
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
  /** HAProxy does not accept what it was brought to over its socket. */
  readonly refused: (config: RenderedConfig) => void;
  /** It does, and the disk has it. */
  readonly accepted: (accepted: Accepted) => void;
}

/** What is to be written, and what it was made of. */
interface Behind {
  readonly config: RenderedConfig;
  readonly of: Accepted;
}

/** A follower with nothing to write. */
export function createDiskFollower(parts: Parts): DiskFollower {
  const { haproxy, clock, emit, runs, worker } = parts;
  let newest: Behind | undefined;
  let isWriting = false;
  let writing: Promise<void> = Promise.resolve();
  let held = 0;

  async function write(): Promise<void> {
    const behind = newest;
    const base = worker();
    if (behind === undefined || base === undefined || held > 0) return;
    newest = undefined;
    isWriting = true;
    await copy(behind, base);
    isWriting = false;
  }

  async function copy(behind: Behind, base: LaneWorker): Promise<void> {
    const { config } = behind;
    const startedAt = clock.now();
    const checked = await haproxy.validate(
      config,
      'changes over the socket',
      new AbortController().signal,
      'meanwhile',
    );
    if (!checked.ok) {
      newest ??= behind;
      emit({ type: 'validation-failed', ...toldOf(checked.failure), blamed: [], ms: clock.now() - startedAt });
      if (checked.failure.kind === 'invalid') parts.refused(config);
      return;
    }
    // Another worker, or a newer change, came in between: that one is written in its turn.
    if (held > 0 || worker()?.generation !== base.generation || (newest === undefined && !runs(config.digest))) return;
    const published = await haproxy.publish(checked.value, base.generation);
    if (!published.ok) {
      newest ??= behind;
      return;
    }
    emit({ type: 'published', generation: checked.value.generation, ms: clock.now() - startedAt });
    parts.accepted(behind.of);
  }

  return {
    behind(config, of) {
      newest = { config, of };
    },
    isBehind: () => isWriting || newest !== undefined,
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
