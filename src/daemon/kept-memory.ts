import type { Memory } from '../core/memory.ts';
import { NO_MEMORY } from '../core/memory.ts';
import type { MemoryStore } from '../core/ports.ts';

/** The memory between passes, and its copy on disk. */
export interface KeptMemory {
  get(): Promise<Memory>;
  /** Takes what a pass learned; it counts at once, also when it cannot be saved. */
  keep(memory: Memory): void;
  /** Saves what differs from the copy on disk. */
  save(): Promise<void>;
}

/** Attempts to load before going on without: forgetting deals places again, waiting for ever would stop everything. */
const MAX_LOADS = 3;

/** Loads on first use. */
export function createKeptMemory(store: MemoryStore): KeptMemory {
  let memory: Memory | undefined;
  let saved: Memory | undefined;
  let loads = 0;
  return {
    async get() {
      if (memory !== undefined) return memory;
      loads += 1;
      memory = loads > MAX_LOADS ? NO_MEMORY : await store.load();
      saved ??= memory;
      return memory;
    },
    keep(next) {
      memory = next;
    },
    async save() {
      if (memory === undefined || (saved !== undefined && sameMemory(saved, memory))) return;
      const next = memory;
      await store.save(next);
      saved = next;
    },
  };
}

function sameMemory(a: Memory, b: Memory): boolean {
  return a === b || (sameMap(a.claims, b.claims) && sameMap(a.health, b.health) && sameMap(a.autoPorts, b.autoPorts));
}

function sameMap<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
