import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../src/core/config.ts';
import { NO_LEFTOVERS } from '../../../src/core/leftovers.ts';
import { NO_DYNAMIC_BACKENDS } from '../../../src/core/loaded.ts';
import type { MapFile } from '../../../src/core/maps.ts';
import { mapRows } from '../../../src/core/maps.ts';
import { OWN_PLACES } from '../../../src/core/placement.ts';
import type { BackendName, RoutingTable } from '../../../src/core/routing.ts';
import type { LeftPlace, ObservedRuntime, RuntimeQuestion, Tier } from '../../../src/core/runtime.ts';
import { formatDifference } from '../../../src/core/runtime-difference.ts';
import type { Kept } from '../../../src/daemon/lane.ts';
import { createComparison } from '../../../src/daemon/lane-comparison.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { backend, backendName, HTTP_PROFILE, route, server, table } from '../../support/tables.ts';

const GENERATION = 7 as Generation;
const MAPS: readonly MapFile[] = ['maps/hosts.map', 'maps/check-paths.map'];
const NEVER = new AbortController().signal;

/** Apps `/app-0` … with a host and a server each. */
function apps(count: number, port = 31_000): RoutingTable {
  const names = Array.from({ length: count }, (_, n) => `app-${n}_10000`);
  return table({
    backends: names.map((name) => backend(name, { servers: [server(port)] })),
    routes: names.map((name, n) => route(`app-${n}.example`, name)),
  });
}

/** What a HAProxy with exactly this table answers. */
function answer(running: RoutingTable, { backends, maps }: RuntimeQuestion): ObservedRuntime {
  const asked = new Set(backends === 'all' ? running.backends.map(({ name }) => name as string) : backends);
  return {
    generation: GENERATION,
    backends: new Map(
      running.backends
        .filter(({ name }) => asked.has(name))
        .map(({ name, servers }) => [
          name,
          servers.map(({ name: each, id, endpoint, admission }) => {
            return { name: each, id, address: endpoint.address, port: endpoint.port, admission, up: true };
          }),
        ]),
    ),
    maps: new Map(maps.map((map) => [map, mapRows(running, map, 'prefix')])),
  };
}

/** A lane that knows `running`, and a HAProxy that has `actual`. */
function createStage(running: RoutingTable, over: Partial<Kept> = {}) {
  const clock = createManualClock();
  const stage = {
    clock,
    actual: running as RoutingTable | undefined,
    tier: 'B' as Tier,
    questions: [] as RuntimeQuestion[],
    order: [] as string[],
    swept: [] as (readonly LeftPlace[])[],
    /** Called while a question is under way. */
    during: (_: number): void => undefined,
    kept: {
      generation: GENERATION,
      loaded: {
        backends: () => running.backends.map(({ name }) => name),
        shapeOf: () => undefined,
        profileText: () => undefined,
        serviceText: () => undefined,
        spares: new Map(),
        fixed: new Map(),
        maps: new Set(MAPS),
        dynamic: NO_DYNAMIC_BACKENDS,
      },
      placement: OWN_PLACES,
      leftovers: NO_LEFTOVERS,
      wanted: running,
      running,
      parts: undefined,
      ...over,
    } as Kept | undefined,
    inTurn: (work: () => Promise<unknown>) => inTurn(work),
    compare: async () => {
      const compared = compare(NEVER);
      await clock.advance(60_000);
      return compared;
    },
  };
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }
  const compare = createComparison({
    runtime: {
      tier: async () => stage.tier,
      async read(_, question) {
        stage.questions.push(question);
        stage.order.push('slice');
        stage.during(stage.questions.length);
        return stage.actual === undefined ? undefined : answer(stage.actual, question);
      },
      async sweep(_, left) {
        stage.swept.push(left);
        return [];
      },
    },
    clock,
    pathMatch: 'prefix',
    pauseMs: 5,
    inTurn,
    kept: () => stage.kept,
    keep: (kept) => {
      stage.kept = kept;
    },
  });
  return stage;
}

const namesOf = ({ backends }: RuntimeQuestion): readonly string[] => (backends === 'all' ? [] : backends);

describe('a comparison of everything', () => {
  it('asks for every backend once, fifty at a time, and for each map by itself', async () => {
    const stage = createStage(apps(120));
    expect(await stage.compare()).toEqual({ kind: 'same' });
    expect(stage.questions.map((question) => [namesOf(question).length, question.maps])).toEqual([
      [50, []],
      [50, []],
      [20, []],
      ...MAPS.map((map) => [0, [map]]),
    ]);
    expect(new Set(stage.questions.flatMap(namesOf)).size).toBe(120);
  });

  it('tells what is otherwise, and where to look for it', async () => {
    const running = apps(60);
    const stage = createStage(running);
    const moved = apps(60, 31_001);
    stage.actual = {
      ...running,
      backends: running.backends.map((each, at) => (at === 55 ? (moved.backends[at] ?? each) : each)),
      routes: running.routes.slice(1),
    };
    const compared = await stage.compare();
    const name = running.backends[55]?.name;
    expect(compared.kind === 'different' && compared.differences.map(formatDifference)).toEqual([
      `server-missing ${name}/127_0_0_1_31000`,
      `server-extra ${name}/127_0_0_1_31001`,
      'row-missing maps/hosts.map app-0.example app-0_10000',
    ]);
    expect(stage.kept?.suspect).toEqual({ backends: [name], maps: ['maps/hosts.map'] });
    // It is known to run until somebody looks again.
    expect(stage.kept?.running).toBe(running);
  });

  it('finds a row too many in a map of thousands', async () => {
    const running = apps(2_500);
    const stage = createStage(running);
    stage.actual = { ...running, routes: [...running.routes, route('stray.example', 'app-0_10000')] };
    const compared = await stage.compare();
    expect(compared.kind === 'different' && compared.differences.map(formatDifference)).toEqual([
      'row-extra maps/hosts.map stray.example (is app-0_10000)',
    ]);
  });

  it('compares a slice with what runs at its moment', async () => {
    const stage = createStage(apps(120));
    const later = apps(120, 31_009);
    const adopt = async (): Promise<void> => {
      stage.actual = later;
      if (stage.kept !== undefined) stage.kept = { ...stage.kept, running: later };
    };
    stage.during = (n) => {
      if (n === 2) void stage.inTurn(adopt);
    };
    expect(await stage.compare()).toEqual({ kind: 'same' });
    expect(stage.kept?.running).toBe(later);
  });

  it('lets other work go before the next slice', async () => {
    const stage = createStage(apps(120));
    stage.during = (n) => {
      for (const work of n === 1 ? ['batch', 'another batch'] : []) {
        void stage.inTurn(async () => {
          stage.order.push(work);
        });
      }
    };
    await stage.compare();
    expect(stage.order.slice(0, 4)).toEqual(['slice', 'batch', 'another batch', 'slice']);
  });

  it('ends when another configuration comes, and when HAProxy does not answer', async () => {
    const stage = createStage(apps(120));
    stage.during = (n) => {
      if (n === 2 && stage.kept !== undefined) stage.kept = { ...stage.kept, generation: 8 as Generation };
    };
    expect(await stage.compare()).toEqual({ kind: 'overtaken' });
    expect(stage.questions).toHaveLength(2);

    const silent = createStage(apps(1));
    silent.actual = undefined;
    expect(await silent.compare()).toEqual({ kind: 'unread' });

    const doubted = createStage(apps(1), { running: undefined });
    expect(await doubted.compare()).toEqual({ kind: 'overtaken' });
    expect(doubted.questions).toEqual([]);
  });

  it('tries leftovers again, and frees spares that are empty and that no row leads to', async () => {
    const running = apps(2);
    const [free, used] = [backendName('portolan_spare_http-1'), backendName('portolan_spare_http-2')];
    const spares = [free, used].map((name) => ({ ...backend(name), servers: [], profile: HTTP_PROFILE }));
    const led = { ...running, routes: [...running.routes, route('led.example', used)] };
    const gone = server(31_500);
    const stage = createStage(led, {
      placement: { places: new Map(), emptying: new Set([free, used]), unplaced: new Map() },
      leftovers: new Map([[backendName('app-0_10000'), new Map([[gone.name, { id: gone.id, server: gone }]])]]),
    });
    stage.actual = { ...led, backends: [...led.backends, ...spares] };
    expect(await stage.compare()).toEqual({ kind: 'same' });
    expect(stage.swept).toEqual([[{ backend: 'app-0_10000', server: gone.name }]]);
    expect(stage.kept?.leftovers.size).toBe(0);
    expect([...(stage.kept?.placement.emptying ?? [])]).toEqual<BackendName[]>([used]);
  });
});
