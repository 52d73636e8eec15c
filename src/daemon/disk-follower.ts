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
  /** A reload has brought the worker to what is on the disk. */
  caughtUp(): void;
  /** Writes, validates and publishes the newest of it. True: that is still to be done, and should be tried again. */
  follow(): Promise<boolean>;
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
  /** A copy of this digest is about to be what the disk shows. */
  readonly publishing: (digest: string) => void;
  /** HAProxy accepts it, and the disk has it. */
  readonly accepted: (accepted: Accepted) => void;
}

/** What is to be written, and what it was made of. */
interface Behind {
  readonly config: RenderedConfig;
  readonly of: Accepted;
  /** Whose worker was brought to it. */
  readonly generation: LaneWorker['generation'] | undefined;
}

/** A follower with nothing to write. */
export function createDiskFollower(parts: Parts): DiskFollower {
  const { haproxy, clock, emit, runs, worker } = parts;
  let newest: Behind | undefined;
  let isWriting = false;
  let writing: Promise<boolean> = Promise.resolve(false);
  let held = 0;

  async function write(): Promise<boolean> {
    const behind = newest;
    const base = worker();
    if (behind === undefined) return false;
    if (base !== undefined && base.generation !== behind.generation) {
      // That worker is gone, and the one in charge has loaded what is on the disk.
      newest = undefined;
      return false;
    }
    // A reload may bring what makes it needless; what the worker runs may be in doubt.
    if (base === undefined || held > 0 || !runs(behind.config.digest)) return true;
    newest = undefined;
    isWriting = true;
    const done = await copy(behind, base);
    isWriting = false;
    if (done !== 'done') newest ??= behind;
    return done === 'failed';
  }

  async function copy({ config, of }: Behind, base: LaneWorker): Promise<'done' | 'refused' | 'failed'> {
    const startedAt = clock.now();
    const checked = await haproxy.validate(
      config,
      'changes over the socket',
      new AbortController().signal,
      'meanwhile',
    );
    if (!checked.ok) {
      const { failure } = checked;
      // Of the disk is told by whoever watches it.
      if (failure.kind !== 'disk')
        emit({ type: 'validation-failed', ...toldOf(failure), blamed: [], ms: clock.now() - startedAt });
      if (failure.kind !== 'invalid') return 'failed';
      parts.refused(config);
      return 'refused';
    }
    // Another worker, a reload or a doubt came in between.
    if (held > 0 || worker()?.generation !== base.generation || (newest === undefined && !runs(config.digest)))
      return 'failed';
    parts.publishing(config.digest);
    const published = await haproxy.publish(checked.value, base.generation);
    if (!published.ok) return 'failed';
    emit({ type: 'published', generation: checked.value.generation, ms: clock.now() - startedAt });
    parts.accepted(of);
    return 'done';
  }

  return {
    behind(config, of) {
      newest = { config, of, generation: worker()?.generation };
    },
    caughtUp() {
      newest = undefined;
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
