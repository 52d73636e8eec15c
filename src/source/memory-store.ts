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
  /** Ends the attempts. */
  readonly signal: AbortSignal;
  /** Milliseconds between two attempts. */
  readonly againMs?: number;
}

/**
 * Keeps the memory in one JSON file. A file that cannot be read counts as none. One with a newer schema number was written by a
 * newer Portolan: it is left as it is, and nothing is saved. What the disk does not take is tried again until it does.
 */
export function createMemoryStore({ path, clock, failed, signal, againMs = 10_000 }: MemoryStoreParts): MemoryStore {
  let newer = false;
  let unsaved: Memory | undefined;
  let writing: Promise<void> = Promise.resolve();
  let trying = false;

  /** Writes the newest memory; one at a time, as all have one draft. */
  function write(): Promise<void> {
    writing = writing.then(async () => {
      const memory = unsaved;
      if (memory === undefined) return;
      try {
        await writeWhole(path, `${JSON.stringify(asJson(memory))}\n`);
        if (unsaved === memory) unsaved = undefined;
      } catch (error) {
        failed(error instanceof Error ? error.message : String(error));
      }
    });
    return writing;
  }

  async function tryAgain(): Promise<void> {
    trying = true;
    while (unsaved !== undefined && !signal.aborted) {
      await clock.sleep(againMs, signal);
      if (!signal.aborted) await write();
    }
    trying = false;
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
    async save(memory) {
      if (newer) return;
      unsaved = memory;
      await write();
      if (unsaved !== undefined && !trying) void tryAgain();
    },
  };
}

function asJson({ claims, health, autoPorts }: Memory): z.infer<typeof savedMemory> {
  return { schema: SCHEMA, claims: [...claims], health: [...health], autoPorts: [...autoPorts] };
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
