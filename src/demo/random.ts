/** Chance that can be replayed: the same seed gives the same ids, ports and orders. */
export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
  /** A whole number, 0 ≤ x < limit. */
  below(limit: number): number;
  /** A version-4-shaped UUID. */
  uuid(): string;
  /** A shuffled copy. */
  shuffled<T>(items: readonly T[]): T[];
}

/** Chance from a seed (mulberry32: small, fast, good enough for orders and ids). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const hex = (digits: number): string => Array.from({ length: digits }, () => below(16).toString(16)).join('');
  return {
    next,
    below,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    shuffled: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1);
        const kept = copy[i];
        const other = copy[j];
        if (kept !== undefined && other !== undefined) {
          copy[i] = other;
          copy[j] = kept;
        }
      }
      return copy;
    },
  };
}
