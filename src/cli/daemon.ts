import { hostname } from 'node:os';
import { join } from 'node:path';
import { isServed } from '../admin/admin-socket.ts';
import { createJournal } from '../admin/journal.ts';
import { createEventLog } from '../admin/log.ts';
import { createMetrics } from '../admin/metrics.ts';
import { createRepeats } from '../admin/repeats.ts';
import { blame } from '../core/blame.ts';
import { createBuilder } from '../core/build.ts';
import type { TemplateSources } from '../core/config.ts';
import type { DiskUse } from '../core/disk.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, Haproxy, Source } from '../core/ports.ts';
import { rememberedContent } from '../core/remembered.ts';
import { createRenderer } from '../core/render.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { NO_RUNTIME } from '../core/runtime.ts';
import type { Settings } from '../core/settings.ts';
import { createSpares } from '../core/spares.ts';
import { createDiskWatch } from '../daemon/disk-watch.ts';
import { createLoop } from '../daemon/loop.ts';
import { createStateStore, type Listener } from '../daemon/store.ts';
import { createHaproxy } from '../haproxy/adapter.ts';
import { statePaths } from '../haproxy/paths.ts';
import { capabilities, findHaproxy } from '../haproxy/version.ts';
import { createFileSource } from '../source/file.ts';
import { createGoodAppsStore } from '../source/good-apps-store.ts';
import { createMarathonSource } from '../source/marathon.ts';
import { createMemoryStore } from '../source/memory-store.ts';
import { createNameResolver, lookupHost } from '../source/names.ts';
import { createOperatorFiles } from '../source/operator-files.ts';
import { createPeers } from '../source/peers.ts';
import { removeDrafts } from '../source/state-file.ts';
import { keepHeapClose } from './close-heap.ts';
import { compileLater } from './compile-later.ts';
import type { DaemonFailure } from './deps.ts';
import { serveAdmin, unusableToken } from './serve-admin.ts';
import { startedSoon } from './started-soon.ts';
import { prepareStateDir } from './state-dir.ts';

/** What the daemon is given of its process. */
export interface DaemonSurroundings {
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Log lines, whole, with newline. */
  readonly write: (line: string) => void;
  readonly terminal: { readonly pretty: boolean; readonly colour: boolean };
  /** Folder of the templates that come with the package. */
  readonly templates: string;
  /** Ends the daemon. */
  readonly signal: AbortSignal;
  /** Called with a function that asks for a full pass (SIGHUP), and one that tells of a bug that nobody caught. */
  readonly onReady?: (daemon: {
    readonly requestPass: (reason: string) => void;
    readonly bug: (error: unknown) => void;
  }) => void;
  /** Hears every event, as log and metrics do. */
  readonly listener?: Listener;
}

/** Builds the adapters, ties each event to state, log, metrics and journal, and runs until the signal. */
export async function runDaemon(settings: Settings, around: DaemonSurroundings): Promise<Result<void, DaemonFailure>> {
  const { clock, version, signal } = around;
  const binary = await findHaproxy(settings.haproxy);
  if (!binary.ok && settings.haproxyMode === 'managed') return fail({ kind: 'haproxy', detail: binary.failure.detail });
  const made = await prepareStateDir(settings.stateDir);
  if (!made.ok) return made;

  const paths = statePaths(settings.stateDir);
  const store = createStateStore(version, settings, clock);
  const repeats = createRepeats();
  const log = createEventLog({ write: around.write, level: settings.logLevel, ...around.terminal, repeats });
  const metrics = createMetrics({ version, endpoints: settings.marathon });
  const disk = createDiskWatch(store.emit);
  const heard = (what: DiskUse) => ({
    failed: (detail: string) => disk.failed(what, detail),
    worked: () => disk.worked(what),
  });
  const journal = createJournal({ path: join(settings.stateDir, 'journal.ndjson'), ...heard('journal'), repeats });
  if (made.value !== undefined) log.say('warn', clock.now(), made.value);
  store.subscribe(log.observe);
  store.subscribe(metrics.observe);
  store.subscribe(disk.observe);
  store.subscribe(journal.observe);
  store.subscribe(keepHeapClose());
  store.subscribe(compileLater());
  if (around.listener !== undefined) store.subscribe(around.listener);

  // The loop comes last, as it needs all others; what they tell while they are made is in the first pass anyway.
  let hear: (event: DaemonEventBody) => void = () => undefined;
  const reading = Promise.withResolvers<void>();
  const emit = (event: DaemonEventBody): void => {
    store.emit(event);
    hear(event);
    if (event.type === 'pass-started') reading.resolve();
  };
  const spawned = Promise.withResolvers<void>();
  const found = binary.ok ? { found: binary.value } : {};
  const adapter = createHaproxy({ settings, clock, emit, spawned: spawned.resolve, ...found });
  /** What another Portolan has started is not for this one to stop. */
  let isTaken = await isServed(settings.stateDir);
  if (!isTaken) await removeDrafts(settings.stateDir);
  const kept: Haproxy = { ...adapter, stop: (how) => adapter.stop(isTaken ? 'keep' : how) };
  const able = settings.runtime ? kept : { ...kept, runtime: NO_RUNTIME };
  const soon = isTaken ? undefined : startedSoon(able);
  const haproxy = disk.over(soon?.haproxy ?? able);
  // What comes now is work for one core, and HAProxy's start would wait for it.
  if (soon !== undefined) await Promise.race([spawned.promise, soon.settled, clock.sleep(SPAWN_LATEST_MS, signal)]);
  const failed = async (failure: DaemonFailure): Promise<Result<void, DaemonFailure>> => {
    await kept.stop(settings.onStop);
    return fail(failure);
  };
  // The binary's version, since there may be no worker yet: the spares are part of its first configuration.
  const tier = binary.ok && settings.runtime ? (capabilities(binary.value.version, true).tier ?? 'D') : 'D';
  const spares = createSpares({ http: settings.spareHttp, sticky: settings.spareSticky, tcp: settings.spareTcp }, tier);
  // A server that is added to HAProxy 2.6 takes no cookie of ours. Whoever asks, templates that say the same are compiled once.
  const rendererOf = rememberedContent((sources: TemplateSources) =>
    createRenderer(sources, tier === 'C' ? 'computed' : 'named'),
  );
  const names = await createNameResolver({
    lookup: lookupHost,
    clock,
    file: join(settings.stateDir, 'names.json'),
    emit,
  });
  const files = await createOperatorFiles({
    settings,
    clock,
    emit,
    defaults: around.templates,
    accept: rendererOf,
  });
  if (!files.ok) return failed({ kind: 'failed', detail: `${files.failure.file}: ${files.failure.message}` });
  const fromMarathon =
    settings.apps === undefined
      ? createMarathonSource({ settings, clock, emit, names, random: around.random })
      : undefined;
  const source = fromMarathon ?? createFileSource({ path: settings.apps ?? '', clock, emit, names });
  const alone = Promise.withResolvers<void>();
  const peers = createPeers({ settings, clock });
  const loop = createLoop({
    version,
    settings,
    clock,
    emit,
    haproxy,
    source: { ...source, snapshot: once(alone.promise, source.snapshot) },
    files: files.value,
    peers,
    memoryStore: createMemoryStore({
      path: join(settings.stateDir, 'memory.json'),
      clock,
      signal,
      ...heard('memory'),
      damaged: (file) => log.say('warn', clock.now(), `${file} is damaged and not believed`),
    }),
    goodApps: createGoodAppsStore({
      path: join(settings.stateDir, 'good-apps.json'),
      clock,
      signal,
      ...heard('good-apps'),
    }),
    spares,
    place: { runtimeSocket: paths.runtimeSocket, stateFile: paths.serverState },
    // Only Marathon knows who had a name first.
    stages: {
      build: createBuilder(fromMarathon === undefined ? 'oldest' : 'nobody'),
      createRenderer: rendererOf,
      blame,
    },
    random: around.random,
    setLogLevel: log.setLevel,
  });
  hear = loop.hear;
  around.onReady?.({
    requestPass: loop.control.requestPass,
    bug: (error) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      emit({ type: 'bug', message, stack: stack ?? '' });
    },
  });
  const ending = new AbortController();
  const run = () => loop.run(AbortSignal.any([signal, ending.signal]));
  const begun = isTaken ? undefined : run();
  if (begun !== undefined) await Promise.race([sent(reading.promise, clock), clock.sleep(ADMIN_LATEST_MS, signal)]);
  const served = await serveAdmin({
    version,
    getState: store.current,
    subscribe: store.subscribe,
    haproxy: { files: haproxy.files, servers: loop.servers },
    control: loop.control,
    claims: loop.claims,
    settings,
    metrics,
    clock,
    emit,
    ownNames: [hostname()],
  });
  isTaken = !served.ok && served.failure.isTaken;
  if (!served.ok) ending.abort();
  alone.resolve();
  if (!served.ok) {
    await (begun ?? kept.stop(settings.onStop));
    await Promise.all([fromMarathon?.close(), peers.close()]);
    return fail({ kind: 'failed', detail: served.failure.detail });
  }
  const { admin, places } = served.value;
  log.say('info', clock.now(), `admin API on ${places}`);
  const token = settings.adminTokenFile === undefined ? undefined : await unusableToken(settings.adminTokenFile);
  if (token !== undefined)
    log.say('warn', clock.now(), `${token}; every request over TCP is refused until it holds a token`);
  const watching = follow(files.value.changes(signal));
  await (begun ?? run());
  await admin.stop();
  await watching;
  await fromMarathon?.close();
  await peers.close();
  await journal.flushed();
  return ok(undefined);
}

/** A generation of 10,000 apps is read and HAProxy spawned in a tenth of this; a slow disk must not keep all else waiting. */
const SPAWN_LATEST_MS = 1_000;

/** The admin API is made when Marathon has been asked, while its answer is waited for, or when HAProxy takes long to start. */
const ADMIN_LATEST_MS = 100;
/** From the begin of a pass until its request has left. */
const SENT_MS = 20;

const sent = (reading: Promise<void>, clock: Clock): Promise<void> =>
  reading.then(() => clock.sleep(SENT_MS, new AbortController().signal));

/** What is read comes out when `sure`: nothing is made of it before. */
const once =
  (sure: Promise<void>, snapshot: Source['snapshot']): Source['snapshot'] =>
  async (scope, signal) => {
    const read = await snapshot(scope, signal);
    await sure;
    return read;
  };

/** Keeps files watched; the events that come with each change reach the loop by `hear`. */
async function follow(changes: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of changes);
}
