import { watch as chokidarWatch, type FSWatcher } from 'chokidar';
import type { Clock } from '../core/ports.ts';

/**
 * Calls back, perhaps often, when something in one of the folders, or `depth` folders below, may have changed. Gives the way
 * to end that. Folders, not files: a single bind-mounted file keeps its inode and is never seen to change.
 */
export type Watch = (folders: readonly string[], depth: number, onStir: () => void) => () => Promise<void>;

/** Watches with chokidar. A watcher that fails is silent: `stirs` looks again by the clock anyway. */
export const watchPaths: Watch = (folders, depth, onStir) => {
  const watcher: FSWatcher = chokidarWatch([...folders], { ignoreInitial: true, depth });
  watcher.on('all', onStir);
  // What changed while the watch was being set up.
  watcher.on('ready', onStir);
  watcher.on('error', onStir);
  return () => watcher.close();
};

/** What waiting for changed files touches. Times in milliseconds. */
export interface StirParts {
  readonly folders: readonly string[];
  readonly depth: number;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly debounceMs: number;
  /** Looked at by the clock as well: watches get lost on network file systems and when inotify runs out. */
  readonly recheckMs: number;
}

/** Yields when the files may have changed and were quiet for the debounce time, and by the clock, until aborted. */
export async function* stirs(parts: StirParts, signal: AbortSignal): AsyncGenerator<void, void, void> {
  const { clock } = parts;
  let stirred = new AbortController();
  const close = parts.watch(parts.folders, parts.depth, () => stirred.abort());
  try {
    while (!signal.aborted) {
      await clock.sleep(parts.recheckMs, AbortSignal.any([signal, stirred.signal]));
      while (!signal.aborted && stirred.signal.aborted) {
        stirred = new AbortController();
        await clock.sleep(parts.debounceMs, signal);
      }
      if (!signal.aborted) yield;
    }
  } finally {
    await close();
  }
}
