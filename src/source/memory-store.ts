import { z } from 'zod';
import type { AppId, TaskId } from '../core/app.ts';
import { type Memory, NO_MEMORY } from '../core/memory.ts';
import type { MemoryStore } from '../core/ports.ts';
import { readJson, writeWhole } from './state-file.ts';

const SCHEMA = 1;

const savedMemory = z.object({
  schema: z.literal(SCHEMA),
  claims: z.array(z.tuple([z.string(), z.string()])),
  health: z.array(z.tuple([z.string(), z.enum(['healthy', 'unhealthy'])])),
  autoPorts: z.array(z.tuple([z.string(), z.int().min(1).max(65_535)])),
});

/**
 * Keeps the memory in one JSON file. A file that cannot be read counts as none. One with a newer schema number was written by a
 * newer Portolan: it is left as it is, and nothing is saved. `failed` hears why the disk did not take it; the next change tries again.
 */
export function createMemoryStore(path: string, failed: (detail: string) => void): MemoryStore {
  let newer = false;
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
      try {
        await writeWhole(path, `${JSON.stringify(asJson(memory))}\n`);
      } catch (error) {
        failed(error instanceof Error ? error.message : String(error));
      }
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
