import type { Memory } from '../core/memory.ts';
import { NO_MEMORY } from '../core/memory.ts';
import type { MemoryStore } from '../core/ports.ts';

/** The memory between passes, and its copy on disk. */
export interface KeptMemory {
  get(): Promise<Memory>;
  /** Takes what a pass learned; it counts at once, also when it cannot be saved. */
  keep(memory: Memory): void;
  /** Has the store save what differs from its copy. */
  save(): void;
  /** Waits for that. */
  flush(): Promise<void>;
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
    save() {
      if (memory === undefined || (saved !== undefined && sameMemory(saved, memory))) return;
      store.save(memory);
      saved = memory;
    },
    flush: store.flush,
  };
}

/** Maps keep their identity while they say the same; they are too large to be compared in every pass. */
const sameMemory = (a: Memory, b: Memory): boolean =>
  a.claims === b.claims &&
  a.health === b.health &&
  a.readiness === b.readiness &&
  a.autoPorts === b.autoPorts &&
  a.outOfTouch === b.outOfTouch;
