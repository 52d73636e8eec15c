import type { Generation, RenderedConfig } from '../core/config.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { ReloadNeed } from '../core/reload-need.ts';
import type { BackendName, RoutingTable } from '../core/routing.ts';
import type { RuntimeCommand } from '../core/runtime.ts';
import type { Difference } from '../core/runtime-difference.ts';
import type { Shapes } from '../core/shapes.ts';
import type { Reserve } from '../core/spares.ts';

/** What the templates in force say besides the table. */
export interface LaneParts {
  readonly shapes: Shapes;
  /** `PartsRenderer.fixedSections`. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly spares: readonly Reserve[];
}

/** The worker in charge, and the configuration that it read when it started. */
export interface LaneWorker {
  readonly generation: Generation;
  readonly loaded: RenderedConfig;
}

/** How far the socket went. */
export type Carried =
  /** HAProxy was brought to the table; 0 commands: it was there. `drift` was found on the way. */
  | { readonly kind: 'carried'; readonly commands: readonly RuntimeCommand[]; readonly drift: readonly Difference[] }
  /** What commands can do is done; the rest needs a reload. */
  | { readonly kind: 'reload'; readonly needs: readonly ReloadNeed[] }
  /** What was done is not known. */
  | { readonly kind: 'doubt'; readonly detail: string };

/** The runtime lane from pass to pass: what the worker was brought to over its socket. */
export interface KeptLane {
  /** Brings the worker to the table as far as its socket can. Looks again before anything where there is doubt. */
  carry(table: RoutingTable, parts: () => LaneParts | undefined, worker: LaneWorker): Promise<Carried>;
  /** The worker has loaded exactly this. */
  loaded(table: RoutingTable, parts: LaneParts, generation: Generation): void;
  /**
   * Compares everything with what should run, tries again to delete what was left, and frees spares that were seen empty. What
   * it found different is repaired by the next `carry`.
   */
  check(): Promise<readonly Difference[]>;
  /** Takes the servers of tasks that are about to end out of rotation, unless a backend would have none left. Gives how many. */
  leave(leaving: readonly LeavingTask[]): Promise<number>;
  /** What the worker runs is not certain any more. */
  doubt(): void;
  /** Which backend carries which; backends at their own name are not in it. */
  places(): ReadonlyMap<BackendName, BackendName>;
}
