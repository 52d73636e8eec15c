import { appendFile, open, rename, stat } from 'node:fs/promises';
import type { DaemonEvent } from '../core/events.ts';
import { describeEvent } from './describe-event.ts';
import { createRepeats } from './repeats.ts';

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

/** From one write to the next (ms), while nothing warns: each costs as much as a hundred lines do. */
const PAUSE_MS = 100;

/**
 * Appends the events worth keeping to a file, one JSON object a line; the same again and again is kept once. At `maxBytes` the file becomes `<path>.1`, replacing
 * the one before. A full or broken disk costs entries and nothing else.
 */
export function createJournal(options: { readonly path: string; readonly maxBytes?: number }): Journal {
  const { path, maxBytes = 8 * 1_048_576 } = options;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let failure: string | undefined;
  let size: number | undefined;
  let goOn: () => void = () => undefined;
  let hurried = false;
  const repeats = createRepeats();

  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => goOn(), PAUSE_MS);
      goOn = () => {
        clearTimeout(timer);
        goOn = () => undefined;
        resolve();
      };
      if (hurried) goOn();
    });
  const hurry = (): void => {
    hurried = true;
    goOn();
  };

  const writeOut = async (): Promise<void> => {
    while (waiting.length > 0) {
      hurried = false;
      const text = waiting.join('');
      waiting = [];
      waitingBytes = 0;
      try {
        size ??= await sizeOf(path);
        if (size > 0 && size + text.length > maxBytes) {
          await rename(path, `${path}.1`);
          size = 0;
        }
        // A full disk may have cut the line before.
        const cut = failure !== undefined && (await endsWithinLine(path));
        await appendFile(path, cut ? `\n${text}` : text, { mode: 0o640 });
        size += Buffer.byteLength(text);
        failure = undefined;
      } catch (error) {
        // Who knows what is there now.
        size = undefined;
        failure = error instanceof Error ? error.message : String(error);
      }
      await pause();
    }
    writing = undefined;
  };

  return {
    observe(event) {
      const repeated = repeats.has(event);
      const told = describeEvent(event);
      if (!told.keep || repeated || waitingBytes > MOST_WAITING) return;
      const { message, fields, level } = told;
      const entry = `${JSON.stringify({ time: new Date(event.at).toISOString(), event: event.type, level, message, ...fields })}\n`;
      waiting.push(entry);
      waitingBytes += entry.length;
      writing ??= writeOut();
      if (level === 'warn' || level === 'error') hurry();
    },
    async flushed() {
      while (writing !== undefined) {
        hurry();
        await writing;
      }
    },
    failure: () => failure,
  };
}

async function endsWithinLine(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    return bytesRead === 1 && buffer[0] !== 0x0a;
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
