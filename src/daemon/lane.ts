import type { CertificateSet } from '../core/certificates.ts';
import type { Generation, RenderedConfig } from '../core/config.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { Leftovers } from '../core/leftovers.ts';
import type { Loaded } from '../core/loaded.ts';
import type { MapFile } from '../core/maps.ts';
import type { Placement } from '../core/placement.ts';
import type { ReloadNeed } from '../core/reload-need.ts';
import type { BackendName, RoutingTable } from '../core/routing.ts';
import type { CertificateCommand, RuntimeCommand } from '../core/runtime.ts';
import type { Difference } from '../core/runtime-difference.ts';
import type { Shapes } from '../core/shapes.ts';
import type { SpareCount } from '../core/spare-counts.ts';
import type { Reserve } from '../core/spares.ts';
import type { LeavingNow } from './leavers.ts';

/** What the templates in force say besides the table. */
export interface LaneParts {
  readonly shapes: Shapes;
  /** `PartsRenderer.fixedSections`. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly spares: readonly Reserve[];
  readonly certificates: CertificateSet;
}

/** The worker in charge, and the configuration that it read when it started. */
export interface LaneWorker {
  readonly generation: Generation;
  readonly loaded: RenderedConfig;
  /** What it runs, as last published, where the socket has changed it since. */
  readonly published?: RenderedConfig;
}

/** What the lane knows of the worker in charge. Immutable: whoever holds an older one sees that it is not the present one. */
export interface Kept {
  readonly generation: Generation;
  readonly loaded: Loaded;
  readonly placement: Placement;
  readonly leftovers: Leftovers;
  /** The wanted table that `placement` was made for. */
  readonly wanted: RoutingTable | undefined;
  /** What runs, in the words of its places; undefined: to be read. */
  readonly running: RoutingTable | undefined;
  readonly parts: LaneParts | undefined;
  /** What may run: it remembers the words of servers, which HAProxy does not show. */
  readonly perhaps?: RoutingTable | undefined;
  /** An earlier life told HAProxy of its servers what stands in this. */
  readonly told?: RenderedConfig | undefined;
  /** The leaving tasks that `running` does without. */
  readonly without: LeavingNow;
  /** Seen otherwise than `running` says: to be read again, and put right. */
  readonly suspect?: Suspect | undefined;
}

/** Backends and whole maps. */
export interface Suspect {
  readonly backends: readonly BackendName[];
  readonly maps: readonly MapFile[];
}

/** What a comparison of everything came to. */
export type Compared =
  | { readonly kind: 'same' }
  /** The next `carry` puts it right. */
  | { readonly kind: 'different'; readonly differences: readonly Difference[] }
  /** The worker did not answer: nothing is certain any more. */
  | { readonly kind: 'unread' }
  /** Another configuration, or nothing certain to compare with: what comes next looks at everything by itself. */
  | { readonly kind: 'overtaken' };

/** How far the socket went. `drift`: what was read before a batch was not as it was known to run, and nobody was told yet. */
export type Carried = { readonly drift: readonly Difference[] } & (
  | {
      /** HAProxy was brought to the table; 0 commands: it was there. */
      readonly kind: 'carried';
      readonly commands: readonly (RuntimeCommand | CertificateCommand)[];
      /** Found where nothing was certain: drift only if HAProxy should have been at the table already. */
      readonly uncertain: readonly Difference[];
    }
  /** What commands can do is done; the rest needs a reload. `unrepaired`: HAProxy lost it, and no command brings it back. */
  | { readonly kind: 'reload'; readonly needs: readonly ReloadNeed[]; readonly unrepaired: readonly Difference[] }
  /** What was done is not known (`doubt`), or it is known not to be what was asked (`drift`). */
  | { readonly kind: 'doubt'; readonly because: 'doubt' | 'drift'; readonly detail: string }
);

/** What became of the servers of tasks that are about to end. */
export interface Left {
  /** So many were taken out of rotation. */
  readonly servers: number;
  /** Some stay in it, as their backends have no others. */
  readonly last: boolean;
  /** Some may still be in it. */
  readonly unsure: boolean;
}

/** The runtime lane from pass to pass: what the worker was brought to over its socket. */
export interface KeptLane {
  /** Brings the worker to the table as far as its socket can. Looks again before anything where there is doubt. */
  carry(table: RoutingTable, parts: () => LaneParts | undefined, worker: LaneWorker): Promise<Carried>;
  /** The worker has loaded exactly this. */
  loaded(table: RoutingTable, parts: LaneParts, generation: Generation): void;
  /**
   * Compares everything with what runs, a slice at a time and other work first, tries again to delete what was left, and frees
   * spares that were seen empty. What it found different is put right by the next `carry`.
   */
  compare(signal: AbortSignal): Promise<Compared>;
  /** Spares of the running configuration; the same object while nothing changed. */
  spares(): readonly SpareCount[];
  /** Takes the servers of tasks that are about to end out of rotation, unless a backend would have none left. */
  leave(leaving: readonly LeavingTask[]): Promise<Left>;
  /** What the worker runs is not certain any more. */
  doubt(): void;
  /**
   * The table of the last `carry` has to be carried again: what runs is not certain, or other tasks leave than it does without. Never
   * where nothing could be carried.
   */
  isDue(): Promise<boolean>;
  /** Which backend carries which; backends at their own name are not in it. */
  places(): ReadonlyMap<BackendName, BackendName>;
}
