import type { DaemonEvent } from '../core/events.ts';
import { describeEvent } from './describe-event.ts';
import type { Description } from './event-line.ts';
import { createLineFile } from './line-file.ts';
import { createRepeats, type Repeats } from './repeats.ts';

/** Keeps events on disk. */
export interface Journal {
  observe(event: DaemonEvent): void;
  /** Resolves when everything observed so far is written, or was given up. */
  flushed(): Promise<void>;
}

/** What keeping events touches. */
export interface JournalParts {
  readonly path: string;
  readonly maxBytes?: number;
  /** Hears why the disk did not take it. */
  readonly failed?: (detail: string) => void;
  /** Hears that it did. */
  readonly worked?: () => void;
  /** What was said before, for others as well. */
  readonly repeats?: Repeats;
}

/** Bytes that wait for a slow or full disk before events are dropped. */
const MOST_WAITING = 1_048_576;

/** From one write to the next (ms), while there is nothing but hints: each costs as much as a hundred lines do. */
const PAUSE_MS = 500;
/** The same while things are done one after the other: so much of what was done a killed process may not have told. */
const LEAST_MS = 200;

/** How soon lines are to be written: whenever that is, when `LEAST_MS` are over, at once. */
type Haste = 'whenever' | 'soon' | 'now';
const HASTE: Readonly<Record<Description['level'], Haste>> = {
  error: 'now',
  warn: 'now',
  info: 'soon',
  debug: 'whenever',
  trace: 'whenever',
};

/** From a write that failed to the next one (ms), doubled with every further one. */
const AGAIN_MS = 500;
const MOST_AGAIN_MS = 10_000;

/**
 * Appends the events worth keeping to a file, one JSON object a line; the same again and again is kept once. At `maxBytes` the file
 * becomes `<path>.1`, replacing the one before. What says that something went wrong is given to the kernel at once, with all before it, and
 * so is what was done, unless something else was just told: a process that is killed has told it. What a full or broken disk does not take
 * waits, 1 MB at most, and is tried again. A line that was cut, by a machine that lost its power or a process killed while it wrote, is
 * ended before the next.
 */
export function createJournal(parts: JournalParts): Journal {
  const { failed = () => undefined, worked = () => undefined, repeats = createRepeats() } = parts;
  const file = createLineFile(parts.path, parts.maxBytes ?? 8 * 1_048_576);
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let goOn: (haste: Haste) => void = () => undefined;
  let haste: Haste = 'whenever';
  let failures = 0;
  let givingUp = false;

  /** `least`: what ends it before its time. */
  const pause = (ms: number, least: Haste): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        goOn = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      goOn = (how) => {
        if (how === 'now' || how === least) end();
      };
    });

  const rest = async (): Promise<void> => {
    if (haste !== 'now') await pause(LEAST_MS, 'now');
    if (haste === 'whenever') await pause(PAUSE_MS - LEAST_MS, 'soon');
  };

  const writeOut = async (): Promise<void> => {
    while (waiting.length > 0) {
      haste = 'whenever';
      const text = waiting.join('');
      waiting = [];
      waitingBytes = 0;
      const failure = await file.append(text);
      if (failure === undefined) {
        failures = 0;
        worked();
        await rest();
        continue;
      }
      failed(failure);
      if (givingUp) break;
      waiting.unshift(text);
      waitingBytes += text.length;
      failures += 1;
      await pause(Math.min(MOST_AGAIN_MS, AGAIN_MS * 2 ** Math.min(failures - 1, 20)), 'now');
    }
    await file.close();
    writing = undefined;
  };

  const hurry = (how: Haste): void => {
    if (how === 'whenever') return;
    if (haste !== 'now') haste = how;
    if (failures === 0) goOn(how);
  };

  return {
    observe(event) {
      if (repeats.has(event)) return;
      const told = describeEvent(event);
      if (!told.keep || waitingBytes > MOST_WAITING) return;
      const { message, fields, level } = told;
      const entry = `${JSON.stringify({ time: new Date(event.at).toISOString(), event: event.type, level, message, ...fields })}\n`;
      waiting.push(entry);
      waitingBytes += entry.length;
      writing ??= writeOut();
      hurry(HASTE[level]);
    },
    async flushed() {
      givingUp = true;
      while (writing !== undefined) {
        haste = 'now';
        goOn(haste);
        await writing;
      }
      givingUp = false;
    },
  };
}
