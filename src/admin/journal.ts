import { appendFile, rename, stat } from 'node:fs/promises';
import type { DaemonEvent } from '../core/events.ts';
import { describeEvent } from './describe-event.ts';

/** Keeps events on disk. */
export interface Journal {
  observe(event: DaemonEvent): void;
  /** Resolves when everything observed so far is written, or was given up. */
  flushed(): Promise<void>;
  /** Why the newest write failed; undefined while all is well. */
  failure(): string | undefined;
}

/** Bytes that wait for a slow disk before events are dropped. */
const MOST_WAITING = 1_048_576;

/**
 * Appends the events worth keeping to a file, one JSON object a line. At `maxBytes` the file becomes `<path>.1`, replacing
 * the one before. A full or broken disk costs entries and nothing else.
 */
export function createJournal(options: { readonly path: string; readonly maxBytes?: number }): Journal {
  const { path, maxBytes = 8 * 1_048_576 } = options;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let failure: string | undefined;
  let lastFailure = '';

  const writeOut = async (): Promise<void> => {
    while (waiting.length > 0) {
      const text = waiting.join('');
      waiting = [];
      waitingBytes = 0;
      try {
        const size = await sizeOf(path);
        if (size > 0 && size + text.length > maxBytes) await rename(path, `${path}.1`);
        await appendFile(path, text, { mode: 0o640 });
        failure = undefined;
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    }
    writing = undefined;
  };

  return {
    observe(event) {
      const { message, fields, keep, level } = describeEvent(event);
      // While Marathon is away the same failure comes at every try: one entry tells it.
      const repeated = event.type === 'snapshot-failed' && message === lastFailure;
      lastFailure = event.type === 'snapshot-failed' ? message : event.type === 'snapshot-taken' ? '' : lastFailure;
      if (!keep || repeated || waitingBytes > MOST_WAITING) return;
      const entry = `${JSON.stringify({ time: new Date(event.at).toISOString(), event: event.type, level, message, ...fields })}\n`;
      waiting.push(entry);
      waitingBytes += entry.length;
      writing ??= writeOut();
    },
    flushed: async () => writing,
    failure: () => failure,
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
