/** What can go wrong with one line and its reply. */
export const FAULTS = [
  /** Not carried out, in HAProxy's words. */
  'no-such-server',
  'proxy-disabled',
  'odd-refusal',
  /** The reply comes behind the next one. */
  'reordered',
  /** The connection ends in the middle of the reply. */
  'cut',
  /** The reply comes after the deadline. */
  'late',
  /** The connection is reset, before or after the line was carried out. */
  'reset-before',
  'reset-after',
  /** The reply ends in the middle, and the prompt follows. */
  'half-reply',
  /** Carried out, and nothing is said of it. */
  'blank',
  /** Not carried out, and nothing is said of it. */
  'unheard',
  /** Messages that were logged meanwhile stand before the reply (3.4). */
  'log-lines',
  /** Every byte comes alone. */
  'split',
  /** Something is said that nobody asked for. */
  'uninvited',
  /** Another worker takes over under another generation; the connection stays with the old one. */
  'other-generation',
  /** The worker ends and starts again as it was loaded. */
  'crash',
  /** `del server` of one that still has connections. */
  'attached',
  /** A row of a payload gets lost. */
  'lost-row',
] as const;
/** One of them. */
export type Fault = (typeof FAULTS)[number];

/** They cost time, or throw everything away: a few of each will do. */
const RARE: ReadonlySet<Fault> = new Set(['late', 'crash', 'other-generation']);

/** Decides which line meets which fault. */
export interface SocketFaults {
  /** For this line; undefined: none. */
  next(line: string): Fault | undefined;
  /** In [0, 1), from the same seed. */
  random(): number;
  readonly counts: ReadonlyMap<Fault, number>;
}

/** One line in `every` meets a fault on average; the same seed and lines give the same faults. */
export function createSocketFaults(seed: number, every: number, onFault: (fault: Fault) => void): SocketFaults {
  const random = seededRandom(seed);
  const counts = new Map<Fault, number>();
  const pick = (line: string): Fault | undefined => {
    if (line.startsWith('del server') && random() < 0.05) return 'attached';
    if (line.endsWith('<<') && random() < 0.1) return 'lost-row';
    if (random() * every >= 1) return undefined;
    const fault = FAULTS[Math.floor(random() * (FAULTS.length - 2))];
    return fault !== undefined && RARE.has(fault) && random() < 0.7 ? undefined : fault;
  };
  return {
    next(line) {
      const fault = line === 'prompt' ? undefined : pick(line);
      if (fault === undefined) return undefined;
      counts.set(fault, (counts.get(fault) ?? 0) + 1);
      onFault(fault);
      return fault;
    },
    random,
    counts,
  };
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
