import type { Instant } from '../../src/core/app.ts';
import type { RenderedConfig } from '../../src/core/config.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import {
  type HaproxyRuntime,
  NO_RUNTIME,
  type RuntimeCommand,
  type RuntimeResult,
  type Tier,
} from '../../src/core/runtime.ts';
import { createSpares } from '../../src/core/spares.ts';
import { createKeptLane } from '../../src/daemon/kept-lane.ts';
import type { KeptLane, LaneWorker } from '../../src/daemon/lane.ts';
import { createTableRenderer } from './lane-drive.ts';
import { createModelHaproxy, type ModelHaproxy } from './model-haproxy.ts';
import { generation } from './runtime-commands.ts';
import { settings } from './tables.ts';

/** How a batch ends, and after how many of its commands. */
export interface BatchEnd {
  readonly after: number;
  readonly result: RuntimeResult;
}

/** A lane, and the HAProxy that it speaks to. */
export interface LaneStage {
  readonly haproxy: ModelHaproxy;
  lane: KeptLane;
  tier: Tier;
  /** How the next batches end; then all end well. */
  readonly ends: BatchEnd[];
  /** How many of the next readings fail. */
  unread: number;
  /** Before each batch. */
  meanwhile: () => void;
  /** What was read or carried out, in order. */
  readonly heard: string[];
  /** The lane of the next life. */
  restart(): void;
  reload(table: RoutingTable): void;
  carry(table: RoutingTable, published?: RoutingTable): ReturnType<KeptLane['carry']>;
  advance(ms: number): void;
}

/** HAProxy has loaded a table, and the lane knows nothing of it. */
export function createLaneStage(first: RoutingTable): LaneStage {
  const reserves = createSpares({ http: 2, sticky: 0, tcp: 0 }, 'B');
  const renderer = createTableRenderer(
    settings({ httpBind: [{ address: '127.0.0.1', port: 31_402 }] }),
    reserves,
    'named',
  );
  const haproxy = createModelHaproxy('B', 'prefix');
  let now = 0;
  let number = 1;
  let config: RenderedConfig = renderer.render(first);
  haproxy.load(first, reserves);

  const runtime: HaproxyRuntime = {
    ...NO_RUNTIME,
    tier: async () => stage.tier,
    async run(of, commands): Promise<RuntimeResult> {
      stage.meanwhile();
      if (of !== number) return { kind: 'doubt', detail: 'another generation' };
      const end = stage.ends.shift();
      for (const command of commands.slice(0, end?.after)) carryOut(command);
      return end?.result ?? { kind: 'done', ms: 0, left: [] };
    },
    async read(of) {
      stage.heard.push('read');
      if (stage.unread > 0) {
        stage.unread -= 1;
        return undefined;
      }
      return of === number ? { ...haproxy.observe(), generation: of } : undefined;
    },
  };

  function carryOut(command: RuntimeCommand): void {
    haproxy.run(command);
    stage.heard.push(command.do);
    if (command.do === 'remove-server') haproxy.backends.get(command.backend)?.delete(command.server);
  }

  const newLane = (): KeptLane =>
    createKeptLane(
      runtime,
      { now: () => now as Instant, sleep: async () => undefined },
      { pathMatch: 'prefix', leavingMs: 60_000, comparePauseMs: 0 },
    );
  const stage: LaneStage = {
    haproxy,
    lane: newLane(),
    tier: 'B',
    ends: [],
    unread: 0,
    meanwhile: () => undefined,
    heard: [],
    restart() {
      stage.lane = newLane();
    },
    reload(table) {
      number += 1;
      config = renderer.render(table);
      haproxy.load(table, reserves);
      const parts = renderer.parts();
      if (parts !== undefined) stage.lane.loaded(table, parts, generation(number));
    },
    carry(table, published) {
      const worker: LaneWorker = {
        generation: generation(number),
        loaded: config,
        ...(published === undefined ? {} : { published: renderer.render(published) }),
      };
      return stage.lane.carry(table, renderer.parts, worker);
    },
    advance(ms) {
      now += ms;
    },
  };
  return stage;
}
