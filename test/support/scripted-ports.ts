import type { App, AppId } from '../../src/core/app.ts';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import type { Diagnostic, Generation, RenderedConfig } from '../../src/core/config.ts';
import type { DaemonEvent } from '../../src/core/events.ts';
import { type Memory, NO_MEMORY } from '../../src/core/memory.ts';
import type { PeerAnswer } from '../../src/core/peer.ts';
import type {
  ApplyResult,
  ChangeHint,
  GoodApps,
  Haproxy,
  HaproxyView,
  MemoryStore,
  OperatorFiles,
  Source,
} from '../../src/core/ports.ts';
import { fail, ok } from '../../src/core/result.ts';
import { NO_RUNTIME } from '../../src/core/runtime.ts';
import { formatBind, type Settings } from '../../src/core/settings.ts';
import { NO_WITNESS, type Witness } from '../../src/core/trust.ts';
import { createLoop, type Loop } from '../../src/daemon/loop.ts';
import { createStateStore, type StateStore } from '../../src/daemon/store.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { NO_PARTS, renderScripted, SCRIPTED_STAGES, scriptedTemplates, snapshotOf } from './scripted-core.ts';

/** The calls that a loop makes to the outside and to the core; each can be made to go wrong. */
export type Call =
  | 'snapshot'
  | 'witness'
  | 'start'
  | 'observe'
  | 'validate'
  | 'apply'
  | 'view'
  | 'load'
  | 'save'
  | 'loadGood'
  | 'saveGood'
  | 'templates'
  | 'certificates'
  | 'build'
  | 'createRenderer'
  | 'render'
  | 'tryBinds'
  | 'foreignListeners'
  | 'claims';

/** `fail`: the port's own failure. `throw`: a bug. `late` (apply): it happens, but the answer is lost. */
export type Fault = 'fail' | 'throw' | 'late';

/** A world that is all script: what Marathon shows, what HAProxy runs, what goes wrong. */
export interface World {
  readonly clock: ManualClock;
  readonly loop: Loop;
  readonly store: StateStore;
  readonly events: DaemonEvent[];
  readonly calls: Map<Call, number>;
  /** What Marathon shows; change it, then hint. */
  apps: App[];
  /** Text in the templates. */
  head: string;
  /** What runs; undefined while HAProxy runs nothing. */
  running: { generation: Generation; config: RenderedConfig } | undefined;
  /** On disk from an earlier life. */
  lastGood: { generation: Generation; config: RenderedConfig } | undefined;
  memory: Memory;
  /** Workers that finish their connections. */
  oldWorkers: number;
  /** What an earlier life has left of good definitions. */
  saved: Awaited<ReturnType<GoodApps['load']>>;
  /** Decides about the n-th call of a kind, counted from 1. */
  fault: (call: Call, n: number) => Fault | undefined;
  /** What `haproxy -c` says; empty: valid. */
  refuses: (config: RenderedConfig) => readonly Diagnostic[];
  /** What others say about apps that an answer lacks. */
  witness: (missing: readonly AppId[]) => Witness;
  /** What other edges say. */
  peers: readonly PeerAnswer[];
  /** How long calls take, ms. */
  takes: Partial<Record<Call, number>>;
  /** Apps asked for by each snapshot. */
  /** Addresses that somebody else has, as `address:port`. */
  readonly taken: Set<string>;
  readonly scopes: ('all' | readonly AppId[])[];
  readonly stopped: string[];
  hint(scope: 'all' | readonly string[], reason?: string, more?: Omit<ChangeHint, 'scope' | 'reason' | 'at'>): void;
  /** Runs the loop until `stop`. */
  begin(): void;
  stop(): Promise<void>;
  readonly ended: () => boolean;
  /** What should run by the truth of the world. */
  desired(): RenderedConfig;
  of<T extends DaemonEvent['type']>(type: T): Extract<DaemonEvent, { type: T }>[];
}

/** Settings of a node that serves every app. */
export const SCRIPTED_SETTINGS: Settings = {
  marathon: ['http://127.0.0.1:1'],
  marathonInsecure: false,
  group: ['*'],
  healthCheck: true,
  strictMode: false,
  sse: true,
  pollInterval: 30_000,
  guardShare: 30,
  guardRoutes: 5,
  guardHold: 60_000,
  guardAnswers: 3,
  httpBind: [{ address: '127.0.0.1', port: 8080 }],
  httpsBind: [],
  appidBind: [],
  statsBind: [],
  sslCerts: [],
  minServPortIpPerTask: 0,
  maxServPortIpPerTask: 0,
  pathMatch: 'prefix',
  stateDir: '/nowhere',
  haproxy: 'haproxy',
  haproxyMode: 'managed',
  runtime: true,
  spareHttp: 0,
  spareSticky: 0,
  spareTcp: 0,
  onStop: 'keep',
  keepGenerations: 10,
  hardStopAfter: 60_000,
  maxReloads: 10,
  reloadBudget: 60,
  maxOldWorkers: 10,
  oldWorkersMemory: 2048,
  peer: [],
  adminBind: { address: '127.0.0.1', port: 9092 },
  logLevel: 'info',
};

/** How often each call was made, and what the fault of this one is. */
type Enter = (call: Call) => Promise<Fault | undefined>;

/** A healthy world with nothing in it. */
export function createWorld(
  more: { readonly settings?: Partial<Settings>; readonly random?: () => number } = {},
): World {
  const clock = createManualClock();
  const settings = { ...SCRIPTED_SETTINGS, ...more.settings };
  const store = createStateStore('0.0.0', settings, clock);
  const events: DaemonEvent[] = [];
  const hinted: ChangeHint[] = [];
  let wake = (): void => undefined;
  const stopper = new AbortController();
  let ended = false;
  let ending: Promise<void> = Promise.resolve();

  const count = (call: Call): Fault | undefined => {
    const n = (world.calls.get(call) ?? 0) + 1;
    world.calls.set(call, n);
    const fault = world.fault(call, n);
    if (fault === 'throw') throw new Error(`scripted bug in ${call}`);
    return fault;
  };
  const enter: Enter = async (call) => {
    const ms = world.takes[call];
    if (ms !== undefined) await clock.sleep(ms, new AbortController().signal);
    return count(call);
  };
  const source: Source = {
    async *changes(signal) {
      signal.addEventListener('abort', () => wake());
      while (!signal.aborted) {
        const next = hinted.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async snapshot(scope) {
      world.scopes.push(scope);
      // What Marathon shows when it is asked, not when it answers.
      const value = snapshotOf(world.apps, clock.now());
      const fault = await enter('snapshot');
      if (fault !== undefined) return fail({ kind: 'unreachable', endpoint: 'http://127.0.0.1:1', detail: 'scripted' });
      return ok({ value, problems: [] });
    },
    async witness(missing) {
      const said = world.witness(missing);
      const fault = await enter('witness');
      return fault === undefined ? said : NO_WITNESS;
    },
  };
  const files: OperatorFiles = {
    templates: () => {
      count('templates');
      return scriptedTemplates(world.head);
    },
    certificates: () => {
      count('certificates');
      return NO_CERTIFICATES;
    },
  };
  const memoryStore: MemoryStore = {
    async load() {
      await enter('load');
      return world.memory;
    },
    save(memory) {
      count('save');
      world.memory = memory;
    },
    flush: async () => undefined,
  };
  const goodApps: GoodApps = {
    async load() {
      await enter('loadGood');
      return world.saved;
    },
    save({ apps, quarantined }) {
      count('saveGood');
      const good = apps.flatMap((app): readonly (readonly [AppId, App])[] => {
        const form = quarantined.has(app.id) ? quarantined.get(app.id)?.good : app;
        return form === undefined ? [] : [[app.id, { ...form, tasks: [], deployments: [] }]];
      });
      world.saved = { apps: new Map(good), quarantined };
    },
    flush: async () => undefined,
  };
  const world: World = {
    clock,
    store,
    events,
    calls: new Map(),
    apps: [],
    head: 'one',
    running: undefined,
    lastGood: undefined,
    memory: NO_MEMORY,
    oldWorkers: 0,
    saved: { apps: new Map(), quarantined: new Map() },
    fault: () => undefined,
    refuses: () => [],
    witness: () => NO_WITNESS,
    peers: [],
    takes: {},
    taken: new Set(),
    scopes: [],
    stopped: [],
    hint(scope, reason = 'test', more) {
      const ids = scope === 'all' ? scope : scope.map((id) => id as AppId);
      hinted.push({ scope: ids, reason, at: clock.now(), ...more });
      wake();
    },
    begin() {
      ending = world.loop.run(stopper.signal).then(() => {
        ended = true;
      });
    },
    async stop() {
      stopper.abort();
      for (let n = 0; n < 100 && !ended; n += 1) await clock.advance(1_000);
      await ending;
    },
    ended: () => ended,
    desired: () =>
      renderScripted(
        SCRIPTED_STAGES.build(snapshotOf(world.apps), settings, NO_CERTIFICATES, NO_MEMORY).value,
        world.head,
      ),
    of: <T extends DaemonEvent['type']>(type: T) =>
      events.filter((event): event is Extract<DaemonEvent, { type: T }> => event.type === type),
    loop: undefined as unknown as Loop,
  };
  const loop = createLoop({
    source,
    haproxy: scriptedHaproxy(() => world, enter),
    files,
    memoryStore,
    goodApps,
    peers: {
      async claims() {
        const fault = await enter('claims');
        return fault === undefined ? world.peers : world.peers.map(({ url }) => ({ url, detail: 'scripted' }));
      },
    },
    clock,
    settings,
    place: { runtimeSocket: 'haproxy.sock', stateFile: 'server-state' },
    spares: [],
    stages: {
      ...SCRIPTED_STAGES,
      build: (...given) => {
        count('build');
        return SCRIPTED_STAGES.build(...given);
      },
      createRenderer: (sources) => {
        if (count('createRenderer')) return fail({ file: 'global.hbs', line: 1, message: 'scripted' });
        return ok({
          ...NO_PARTS,
          render: (table) =>
            count('render')
              ? fail({ file: 'global.hbs', message: 'scripted' })
              : ok(renderScripted(table, sources.global.text)),
        });
      },
    },
    emit: store.emit,
    version: '0.0.0',
    random: more.random ?? (() => 0.5),
    setLogLevel: () => true,
  });
  store.subscribe((event) => {
    events.push(event);
    loop.hear(event);
  });
  return Object.assign(world, { loop });
}

function scriptedHaproxy(getWorld: () => World, enter: Enter): Haproxy {
  let written = 0;
  const candidates = new Map<Generation, RenderedConfig>();
  const viewOf = (world: World): HaproxyView => ({
    up: world.running !== undefined,
    oldWorkers: world.oldWorkers,
    mode: 'managed',
    ...(world.running === undefined ? {} : { generation: world.running.generation }),
  });
  const down = { kind: 'socket', detail: 'scripted' } as const;
  return {
    // Tier D: the socket cannot be used, every change is a reload.
    runtime: NO_RUNTIME,
    publish: async () => ok(undefined),
    async start() {
      const world = getWorld();
      if (await enter('start')) return fail({ kind: 'start-failed', detail: 'scripted' });
      world.running ??= world.lastGood;
      written = Math.max(written, world.running?.generation ?? 0);
      return ok(world.running === undefined ? undefined : { known: true, ...world.running });
    },
    async observe() {
      const world = getWorld();
      if ((await enter('observe')) || world.running === undefined) return { known: false, reason: 'scripted' };
      return { known: true, ...world.running };
    },
    async validate(config) {
      const world = getWorld();
      if (await enter('validate')) return fail({ kind: 'timeout', detail: 'scripted' });
      const diagnostics = world.refuses(config);
      if (diagnostics.length > 0) return fail({ kind: 'invalid', diagnostics });
      written += 1;
      candidates.set(written as Generation, config);
      return ok({ generation: written as Generation, warnings: [] });
    },
    async apply({ generation }): Promise<ApplyResult> {
      const world = getWorld();
      const config = candidates.get(generation);
      const fault = await enter('apply');
      const serving = world.running?.generation;
      if (fault === 'fail' || config === undefined) {
        return {
          kind: 'rejected',
          failure: { kind: 'reload-failed', detail: 'scripted', diagnostics: [] },
          ...(serving === undefined ? {} : { serving }),
        };
      }
      world.running = { generation, config };
      if (fault === 'late') return { kind: 'uncertain', failure: { kind: 'timeout', detail: 'scripted' } };
      return { kind: 'applied', generation, via: serving === undefined ? 'start' : 'reload', ms: 1 };
    },
    async view() {
      const world = getWorld();
      await enter('view');
      return viewOf(world);
    },
    servers: async () => fail(down),
    files: async () => fail(down),
    generations: async () => [],
    async tryBinds(binds) {
      if (await enter('tryBinds')) return binds.map((bind) => ({ bind, outcome: 'untried' }));
      const { taken } = getWorld();
      return binds.map((bind) =>
        taken.has(formatBind(bind))
          ? { bind, outcome: 'taken', holder: { pid: 4711, command: 'thief', as: 'listener' } }
          : { bind, outcome: 'free' },
      );
    },
    async foreignListeners() {
      await enter('foreignListeners');
      return [];
    },
    async stop(how) {
      getWorld().stopped.push(how);
    },
  };
}
