import { z } from 'zod';
import type { AppId, TaskId } from '../core/app.ts';
import { type Memory, NO_MEMORY } from '../core/memory.ts';
import type { Clock, MemoryStore } from '../core/ports.ts';
import { readJson, writeWhole } from './state-file.ts';

const SCHEMA = 1;

const savedMemory = z.object({
  schema: z.literal(SCHEMA),
  claims: z.array(z.tuple([z.string(), z.string()])),
  health: z.array(z.tuple([z.string(), z.enum(['healthy', 'unhealthy'])])),
  autoPorts: z.array(z.tuple([z.string(), z.int().min(1).max(65_535)])),
});

/** What keeping the memory touches. */
export interface MemoryStoreParts {
  readonly path: string;
  readonly clock: Clock;
  /** Hears why the disk did not take it. */
  readonly failed: (detail: string) => void;
  /** Ends the attempts, and the pauses between two savings. */
  readonly signal: AbortSignal;
  /** Milliseconds between two attempts. */
  readonly againMs?: number;
  /** Least milliseconds before and between savings. */
  readonly pauseMs?: number;
}

/** Before the saving that follows one that took long is a pause this many times as long: it is the whole memory that is written. */
const PAUSE_FACTOR = 20;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Keeps the memory in one JSON file. A file that cannot be read counts as none. One with a newer schema number was written by a
 * newer Portolan: it is left as it is, and nothing is saved. What the disk does not take is tried again until it does.
 */
export function createMemoryStore(parts: MemoryStoreParts): MemoryStore {
  const { path, clock, failed, signal, againMs = 10_000, pauseMs = 1_000 } = parts;
  let newer = false;
  let unsaved: Memory | undefined;
  let writing: Promise<void> = Promise.resolve();
  let busy = false;

  /** Writes the newest memory; one at a time, as all have one draft. */
  function write(): Promise<void> {
    writing = writing.then(async () => {
      const memory = unsaved;
      if (memory === undefined) return;
      try {
        await writeWhole(path, pieces(memory));
        if (unsaved === memory) unsaved = undefined;
      } catch (error) {
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
      const memory = unsaved;
      const since = clock.now();
      await write();
      pause = Math.min(Math.max(pauseMs, PAUSE_FACTOR * (clock.now() - since)), LONGEST_PAUSE_MS);
      if (unsaved === memory) pause = againMs;
    }
    busy = false;
  }

  return {
    async load() {
      const json = await readJson(path);
      newer = isNewer(json);
      const saved = savedMemory.safeParse(json);
      if (!saved.success) return NO_MEMORY;
      const { claims, health, autoPorts } = saved.data;
      return {
        claims: new Map(claims as [string, AppId][]),
        health: new Map(health as [TaskId, 'healthy' | 'unhealthy'][]),
        autoPorts: new Map(autoPorts),
      };
    },
    save(memory) {
      if (newer) return;
      unsaved = memory;
      if (!busy) void keepUp();
    },
    flush: write,
  };
}

/** Entries that are made into text at one time: tens of thousands at once would hold the event loop. */
const SLICE = 1_000;

/** The memory as JSON, in pieces. */
function* pieces({ claims, health, autoPorts }: Memory): Generator<string> {
  yield `{"schema":${SCHEMA},"claims":[`;
  yield* slices(claims);
  yield '],"health":[';
  yield* slices(health);
  yield '],"autoPorts":[';
  yield* slices(autoPorts);
  yield ']}\n';
}

function* slices(map: ReadonlyMap<string, string | number>): Generator<string> {
  let slice: (readonly [string, string | number])[] = [];
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

function isNewer(json: unknown): boolean {
  return (
    typeof json === 'object' &&
    json !== null &&
    'schema' in json &&
    typeof json.schema === 'number' &&
    json.schema > SCHEMA
  );
}
