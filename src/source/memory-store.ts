import { createHash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { AppId, Instant, Task, TaskId } from '../core/app.ts';
import { type Memory, NO_MEMORY } from '../core/memory.ts';
import type { Clock, MemoryStore } from '../core/ports.ts';
import { againAfter, writeWhole } from './state-file.ts';

const SCHEMA = 2;

const savedMemory = z.object({
  schema: z.union([z.literal(1), z.literal(SCHEMA)]),
  claims: z.array(z.tuple([z.string(), z.string()])),
  health: z.array(z.tuple([z.string(), z.enum(['healthy', 'unhealthy'])])),
  /** Absent: written before there was any. */
  readiness: z.array(z.tuple([z.string(), z.enum(['ready', 'waiting'])])).default([]),
  autoPorts: z.array(z.tuple([z.string(), z.int().min(1).max(65_535)])),
  /** Absent: written before there was any. What the tasks are, the checksum vouches for. */
  outOfTouch: z
    .array(
      z.tuple([
        z.string().transform((id) => id as AppId),
        z.object({ since: z.number().transform((at) => at as Instant), tasks: z.array(z.custom<Task>()) }),
      ]),
    )
    .default([]),
});

/** What keeping the memory touches. */
export interface MemoryStoreParts {
  readonly path: string;
  readonly clock: Clock;
  /** Hears why the disk did not take it. */
  readonly failed: (detail: string) => void;
  /** Hears that it did. */
  readonly worked?: () => void;
  /** Hears of a file that cannot be believed. */
  readonly damaged?: (file: string) => void;
  /** Ends the attempts, and the pauses between two savings. */
  readonly signal: AbortSignal;
  /** Most milliseconds between two attempts. */
  readonly againMs?: number;
  /** Least milliseconds before and between savings. */
  readonly pauseMs?: number;
}

/** Before the saving that follows one that took long is a pause this many times as long: it is the whole memory that is written. */
const PAUSE_FACTOR = 20;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Keeps the memory in one JSON file with a checksum, and the one before beside it (`.1`), which counts where the newest is damaged
 * or gone: a name given to the wrong app for a flipped bit would be worse than one forgotten. Where neither can be read there is none. One with a newer schema number was written by a
 * newer Portolan: it is left as it is, and nothing is saved. What the disk does not take is tried again until it does.
 */
export function createMemoryStore(parts: MemoryStoreParts): MemoryStore {
  const { path, clock, failed, signal, againMs = 10_000, pauseMs = 1_000 } = parts;
  const { damaged = () => undefined, worked = () => undefined } = parts;
  let newer = false;
  /** What is there now can be read. */
  let isWhole = false;
  let unsaved: Memory | undefined;
  let writing: Promise<void> = Promise.resolve();
  let busy = false;
  /** In a row. */
  let failures = 0;

  /** A copy that can be read is not replaced by one that cannot. */
  const keepBefore = async (): Promise<void> => {
    if (isWhole) await rename(path, `${path}.1`).catch(() => undefined);
  };

  /** Writes the newest memory; one at a time, as all have one draft. */
  function write(): Promise<void> {
    writing = writing.then(async () => {
      const memory = unsaved;
      if (memory === undefined) return;
      try {
        await writeWhole(path, checked(pieces(memory)), 0o640, keepBefore);
        isWhole = true;
        if (unsaved === memory) unsaved = undefined;
        failures = 0;
        worked();
      } catch (error) {
        failures += 1;
        failed(error instanceof Error ? error.message : String(error));
      }
    });
    return writing;
  }

  /** Saves until there is nothing to save, each time after a pause: whoever waits for a change must not wait for this too. */
  async function keepUp(): Promise<void> {
    busy = true;
    let pause = pauseMs;
    while (unsaved !== undefined && !signal.aborted) {
      await clock.sleep(pause, signal);
      const since = clock.now();
      await write();
      pause = Math.min(Math.max(pauseMs, PAUSE_FACTOR * (clock.now() - since)), LONGEST_PAUSE_MS);
      if (failures > 0) pause = againAfter(failures, pauseMs, againMs);
    }
    busy = false;
  }

  return {
    async load() {
      for (const file of [path, `${path}.1`]) {
        const json = await readChecked(file);
        newer ||= isNewer(json);
        const saved = savedMemory.safeParse(json);
        if (newer) return NO_MEMORY;
        if (saved.success) {
          isWhole = file === path;
          return memoryOf(saved.data);
        }
        if (json !== undefined) damaged(file);
      }
      return NO_MEMORY;
    },
    save(memory) {
      if (newer) return;
      unsaved = memory;
      if (!busy) void keepUp();
    },
    flush: write,
  };
}

const memoryOf = ({ claims, health, readiness, autoPorts, outOfTouch }: z.infer<typeof savedMemory>): Memory => ({
  claims: new Map(claims as [string, AppId][]),
  health: new Map(health as [TaskId, 'healthy' | 'unhealthy'][]),
  readiness: new Map(readiness as [TaskId, 'ready' | 'waiting'][]),
  autoPorts: new Map(autoPorts),
  outOfTouch: new Map(outOfTouch),
});

const CHECKSUM = /^([\s\S]*),"sha256":"([0-9a-f]{64})"\}\n$/;

/** JSON in pieces, with the checksum of all that stands before it as its last field. */
function* checked(pieces: Iterable<string>): Generator<string> {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
  yield `,"sha256":"${hash.digest('hex')}"}\n`;
}

/** The JSON of a file; null where it is not as it was written, undefined where there is none. The first schema had no checksum. */
async function readChecked(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
  const [, body = '', sum] = CHECKSUM.exec(text) ?? [];
  if (sum !== undefined && createHash('sha256').update(body).digest('hex') !== sum) return null;
  try {
    const json: unknown = JSON.parse(text);
    return sum === undefined && schemaOf(json) === SCHEMA ? null : json;
  } catch {
    return null;
  }
}

/** Entries that are made into text at one time: tens of thousands at once would hold the event loop. */
const SLICE = 1_000;

/** The memory as JSON, in pieces, without its end. */
function* pieces({ claims, health, readiness, autoPorts, outOfTouch }: Memory): Generator<string> {
  yield `{"schema":${SCHEMA},"claims":[`;
  yield* slices(claims);
  yield '],"health":[';
  yield* slices(health);
  yield '],"readiness":[';
  yield* slices(readiness);
  yield '],"autoPorts":[';
  yield* slices(autoPorts);
  yield '],"outOfTouch":[';
  yield* slices(outOfTouch);
  yield ']';
}

function* slices(map: ReadonlyMap<string, unknown>): Generator<string> {
  let slice: (readonly [string, unknown])[] = [];
  let first = true;
  const text = (): string => {
    const joined = JSON.stringify(slice).slice(1, -1);
    const comma = first ? '' : ',';
    first = false;
    slice = [];
    return comma + joined;
  };
  for (const entry of map) {
    slice.push(entry);
    if (slice.length === SLICE) yield text();
  }
  if (slice.length > 0) yield text();
}

function schemaOf(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'schema' in json ? json.schema : undefined;
}

function isNewer(json: unknown): boolean {
  const schema = schemaOf(json);
  return typeof schema === 'number' && schema > SCHEMA;
}
