import type { Instant } from '../../src/core/app.ts';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import type { Generation, RenderedConfig } from '../../src/core/config.ts';
import type { LeavingTask } from '../../src/core/leaving.ts';
import { createRenderer } from '../../src/core/render.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import type { HaproxyRuntime } from '../../src/core/runtime.ts';
import type { Settings } from '../../src/core/settings.ts';
import type { Reserve } from '../../src/core/spares.ts';
import type { Cookies } from '../../src/core/template-views.ts';
import { createKeptLane } from '../../src/daemon/kept-lane.ts';
import { createKeptRenderer } from '../../src/daemon/kept-renderer.ts';
import type { Compared, KeptLane, LaneParts, LaneWorker } from '../../src/daemon/lane.ts';
import { templates } from './tables.ts';

/** What the daemon's templates make of tables. */
export interface TableRenderer {
  render(table: RoutingTable): RenderedConfig;
  parts(): LaneParts | undefined;
}

/** The templates that ship. */
export function createTableRenderer(settings: Settings, spares: readonly Reserve[], cookies: Cookies): TableRenderer {
  const inputs = {
    templates: templates(),
    certificates: NO_CERTIFICATES,
    settings,
    place: { runtimeSocket: 's.sock', stateFile: 'state' },
    spares,
  };
  const renderer = createKeptRenderer(
    (sources) => createRenderer(sources, cookies),
    () => undefined,
  );
  return {
    render(table) {
      const rendered = renderer.render(table, inputs);
      if (!rendered.ok) throw new Error(rendered.failure.message);
      return rendered.value;
    },
    parts: () => renderer.parts(inputs),
  };
}

/** The part of the daemon that brings a HAProxy to a table: over the socket, twice where there is doubt, else by a reload. */
export interface LaneDrive {
  /** Brings HAProxy to the table; gives the generation of the worker that was brought there. */
  settle(table: RoutingTable): Promise<Generation>;
  leave(leaving: readonly LeavingTask[]): Promise<unknown>;
  /** The look that comes from time to time; what it finds is repaired by the next settle. */
  check(): Promise<Compared['kind']>;
  /** Somebody saw that another worker has taken over. */
  doubt(): void;
  /** The daemon starts again and knows nothing. */
  restart(): void;
  places: KeptLane['places'];
  readonly counts: {
    readonly carries: number;
    readonly doubts: number;
    readonly reloads: number;
    readonly commands: number;
  };
  /** Why it was reloaded or in doubt, and how often. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** What it drives. */
interface Driven {
  readonly runtime: () => HaproxyRuntime;
  readonly now: () => Instant;
  readonly leavingMs: number;
  readonly renderer: TableRenderer;
  /** What an observation of HAProxy says. */
  readonly observe: () => LaneWorker;
  /** What a later pass would be told, were this one deaf. */
  readonly undisturbed: <T>(question: () => Promise<T>) => Promise<T>;
  readonly reload: (table: RoutingTable) => Promise<Generation>;
}

const TRIES = 2;

/** A daemon's lane that knows nothing yet. */
export function createLaneDrive({
  runtime,
  now,
  leavingMs,
  renderer,
  observe,
  undisturbed,
  reload,
}: Driven): LaneDrive {
  const counts = { carries: 0, doubts: 0, reloads: 0, commands: 0 };
  const reasons = new Map<string, number>();
  let lane = newLane();

  function newLane(): KeptLane {
    return createKeptLane(
      runtime(),
      { now, sleep: async () => undefined },
      { pathMatch: 'prefix', leavingMs, comparePauseMs: 0 },
    );
  }

  const because = (reason: string): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + 1);

  async function settle(table: RoutingTable): Promise<Generation> {
    let generation = await bring(table);
    // Tasks that leave are in a configuration that was loaded, and stay out of rotation: the next pass sees to that.
    while (await undisturbed(() => lane.isDue())) generation = await bring(table);
    return generation;
  }

  /** One pass. */
  async function bring(table: RoutingTable): Promise<Generation> {
    const worker = observe();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const outcome = await lane.carry(table, () => renderer.parts(), worker);
      counts.carries += 1;
      if (outcome.kind === 'carried') {
        counts.commands += outcome.commands.length;
        return worker.generation;
      }
      if (outcome.kind === 'reload') {
        for (const { because: need } of outcome.needs) because(need);
        break;
      }
      counts.doubts += 1;
      if (tries + 1 === TRIES) because('doubt');
    }
    counts.reloads += 1;
    const generation = await reload(table);
    const parts = renderer.parts();
    if (parts === undefined) throw new Error('no parts');
    lane.loaded(table, parts, generation);
    return generation;
  }

  return {
    settle,
    leave: (leaving) => lane.leave(leaving),
    check: async () => {
      const found = await lane.compare(new AbortController().signal);
      return found.kind;
    },
    doubt: () => lane.doubt(),
    restart() {
      lane = newLane();
    },
    places: () => lane.places(),
    counts,
    reasons,
  };
}

/** Says what a run came to. */
export function tellRun(title: string, counts: Readonly<Record<string, unknown>>): void {
  console.info(`${title}: ${JSON.stringify(counts)}`);
}
