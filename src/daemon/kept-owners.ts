import type { App, AppId, Instant } from '../core/app.ts';
import type { BuiltTable } from '../core/build.ts';
import { claimsOfServed } from '../core/claims-of-served.ts';
import type { OpenName } from '../core/contest.ts';
import { editedMap } from '../core/edited-map.ts';
import type { Memory } from '../core/memory.ts';
import type { Served } from '../core/served.ts';
import type { Keeper } from './keeper.ts';
import type { KeptMemory } from './kept-memory.ts';
import type { OwnersSought } from './owners-sought.ts';
import { createOwnersSought } from './owners-sought.ts';
import type { PassDeps } from './pass.ts';
import { createPeersCompared } from './peers-compared.ts';

type Built = Omit<BuiltTable, 'open'> & Partial<Pick<BuiltTable, 'open'>>;

/** Who holds which name, from pass to pass. */
export interface KeptOwners extends Keeper {
  /** What is remembered; the first time together with what HAProxy runs. */
  remembered(apps: readonly App[]): Promise<Memory>;
  /**
   * Makes a table with what is remembered, and remembers what comes of it. A name that several ask for and nobody holds is given
   * away once it is known who had it first, by a pass of its own; until then nobody gets it.
   */
  settled<T extends Built>(before: Memory, make: (memory: Memory) => T): T;
  /** Who holds what, by the newest table. */
  claims(): ReadonlyMap<string, AppId>;
}

type Parts = Pick<PassDeps, 'source' | 'peers' | 'clock' | 'emit' | 'settings'> & {
  readonly memory: KeptMemory;
  /** What runs, where that is known. */
  readonly served: () => Served | undefined;
  /** Something may run, and it is not known what. */
  readonly isUnknown: () => boolean;
};

const NOTHING: ReadonlyMap<string, AppId> = new Map();

/** Knows nothing yet. */
export function createKeptOwners(parts: Parts): KeptOwners {
  const { memory, settings, emit } = parts;
  const sought: OwnersSought = createOwnersSought(parts);
  const compared = createPeersCompared({ ...parts, claims: () => claims });
  let claims = NOTHING;
  let told = 0;
  let isFirst = true;
  let isGuess = false;

  /** Whoever is served holds what it is served on, whatever was remembered: what runs is never taken away. */
  function withRunning(remembered: Memory, apps: readonly App[]): Memory {
    const served = parts.served();
    if (served === undefined) return remembered;
    const running = claimsOfServed(served, apps, settings.pathMatch);
    const news = [...running].filter(([key, holder]) => remembered.claims.get(key) !== holder);
    if (news.length === 0) return remembered;
    emit({ type: 'claims-taken', from: 'running', count: news.length });
    return { ...remembered, claims: editedMap(remembered.claims, new Map(news)) };
  }

  function tell(open: readonly OpenName[]): void {
    if (open.length === told) return;
    told = open.length;
    const apps = [...new Set(open.flatMap(({ rivals }) => rivals.map(({ app }) => app)))].sort();
    emit({ type: 'claims-open', count: told, apps });
  }

  async function remembered(apps: readonly App[]): Promise<Memory> {
    const known = await memory.get();
    isGuess = isFirst && parts.isUnknown();
    if (!isFirst) return known;
    isFirst = false;
    const whole = withRunning(known, apps);
    memory.keep(whole);
    return whole;
  }

  function settled<T extends Built>(before: Memory, make: (memory: Memory) => T): T {
    let built = make(before);
    const open = built.open ?? [];
    if (open.length > 0) {
      // Where it is not known what runs, somebody may be served on the name: the oldest is the best guess then.
      const found = isGuess ? sought.guess(open) : sought.take(open);
      if (found.size > 0) built = make({ ...built.memory, claims: editedMap(built.memory.claims, found) });
    }
    memory.keep(built.memory);
    ({ claims } = built.memory);
    sought.seek(built.open ?? []);
    tell(built.open ?? []);
    return built;
  }

  return {
    remembered,
    settled,
    claims: () => claims,
    isDue: sought.isDue,
    wake: () => {
      const at: Instant | undefined = sought.wake();
      return at === undefined ? undefined : { at, scope: [], reason: 'owners' };
    },
    tend: compared.tend,
  };
}
