import type { Generation, RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type {
  Candidate,
  Clock,
  Haproxy,
  HaproxyFailure,
  LiveServer,
  Observed,
  ValidationFailure,
} from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';
import { applyCandidate } from './apply.ts';
import type { CliFailure } from './cli-connection.ts';
import type { HaproxyContext } from './context.ts';
import { createGenerations, type Generations } from './generations.ts';
import { createHeadStart } from './head-start.ts';
import { createKeptSockets } from './kept-sockets.ts';
import { socketPathProblem, statePaths } from './paths.ts';
import { createPreflight } from './preflight.ts';
import { drain } from './process.ts';
import { createReloadPatience } from './reload-patience.ts';
import { rouse } from './rouse.ts';
import { createRuntime } from './runtime.ts';
import { clearServerState, parseLiveServers } from './server-state.ts';
import { look, observeWorker, viewOf } from './sight.ts';
import { createSingleFlight } from './single-flight.ts';
import { createSupervision } from './supervision.ts';
import { DEFAULT_TIMINGS, type Timings } from './timings.ts';
import { validateFolder } from './validator.ts';
import {
  DEFAULT_ENVIRONMENT,
  findHaproxy,
  type HaproxyBinary,
  type HaproxyEnvironment,
  type VersionFailure,
} from './version.ts';
import { askWorker } from './worker-probe.ts';

/** What the adapter is given. */
export interface HaproxyParts {
  readonly settings: Pick<Settings, 'stateDir' | 'haproxy' | 'haproxyMode' | 'keepGenerations'>;
  readonly clock: Clock;
  readonly emit: (event: DaemonEventBody) => void;
  readonly timings?: Partial<Timings>;
  /** Where the binary was found already: asking it for its version again would keep clients waiting. */
  readonly found?: HaproxyBinary;
  /** Called when a master was spawned: from then on HAProxy is busy by itself. */
  readonly spawned?: () => void;
  /** Environment of HAProxy; by default nothing but a PATH. */
  readonly environment?: HaproxyEnvironment;
}

/** The real HAProxy of this machine. Does nothing before `start`. */
export function createHaproxy(parts: HaproxyParts): Haproxy {
  const { settings, clock, emit } = parts;
  const paths = statePaths(settings.stateDir);
  const ending = new AbortController();
  const inTurn = createSingleFlight();
  const timings = { ...DEFAULT_TIMINGS, ...parts.timings };
  const context: HaproxyContext = {
    mode: settings.haproxyMode,
    paths,
    clock,
    emit,
    timings,
    patience: createReloadPatience(timings),
    environment: parts.environment ?? DEFAULT_ENVIRONMENT,
    generations: createGenerations(paths, settings.keepGenerations, clock),
    headStart: createHeadStart(),
    binary: rememberBinary(settings.haproxy, parts.environment ?? DEFAULT_ENVIRONMENT, parts.found),
    spawned: parts.spawned ?? (() => undefined),
    ended: ending.signal,
  };
  const sockets = createKeptSockets(context);
  const supervision = createSupervision(context, inTurn, sockets);
  const runtime = createRuntime({ socket: paths.runtimeSocket, clock });
  let watching: Promise<void> = Promise.resolve();
  // The last check was not over in time: the next one takes its share of the CPU.
  let starved = false;

  async function start(): Promise<Result<Observed | undefined, HaproxyFailure>> {
    const problem = socketPathProblem(paths);
    if (problem) return fail({ kind: 'start-failed', detail: problem });
    const opened = await context.generations.open();
    await clearServerState(paths.serverState);
    const sight = await rouse(context, sockets, await look(context));
    watching = supervision.run();
    if (sight.worker) return ok(await supervision.adopt({ ...sight, worker: sight.worker }, 'adopted'));
    if (settings.haproxyMode === 'external') await offerBest(context.generations);
    // What is on disk is served even when the disk takes nothing new.
    const started = settings.haproxyMode === 'managed' ? await supervision.revive('started') : ok(undefined);
    if (started.ok && started.value === undefined && !opened.ok) return opened;
    return started;
  }

  async function observe(): Promise<Observed> {
    const sight = await look(context);
    return sight.worker ? observeWorker(context, sight.worker) : { known: false, reason: sight.reason };
  }

  async function validate(
    config: RenderedConfig,
    why: string,
    signal: AbortSignal,
    when: 'now' | 'meanwhile' = 'now',
  ): Promise<Result<Candidate, ValidationFailure>> {
    const binary = await context.binary();
    if (!binary.ok) return fail({ kind: 'binary', detail: binary.failure.detail });
    const written = await context.generations.write(config, why);
    if (!written.ok) return written;
    const options = {
      binary: binary.value.path,
      environment: context.environment,
      deadlineMs: context.timings.validate,
      background: when === 'meanwhile' && !starved,
    };
    const startedAt = clock.now();
    const checking = validateFolder(options, context.generations.folder(written.value), signal);
    if (when === 'now') await context.headStart.begin(context, written.value);
    const checked = await checking;
    // One that gives way takes as long as others let it.
    if (!options.background) context.patience.took(clock.now() - startedAt);
    starved = !checked.ok && checked.failure.kind === 'timeout';
    if (checked.ok) return ok({ generation: written.value, warnings: checked.value });
    await context.headStart.cancel(context);
    await context.generations.mark(written.value, 'rejected');
    return checked;
  }

  async function servers(backend?: string): Promise<Result<readonly LiveServer[], HaproxyFailure>> {
    const deadline = context.timings.longAnswer;
    // A name that could not be one would be read as further commands.
    if (backend !== undefined && !/^[A-Za-z0-9_.:-]+$/.test(backend)) return ok([]);
    const answer = await askWorker(paths, `show servers state ${backend ?? ''}`.trim(), deadline);
    return answer.ok ? ok(parseLiveServers(answer.value)) : fail(failureOf(answer.failure));
  }

  async function files(generation?: Generation): Promise<Result<ReadonlyMap<string, string>, HaproxyFailure>> {
    const sight = generation === undefined ? await look(context) : undefined;
    const wanted = generation ?? sight?.worker?.generation;
    if (wanted === undefined)
      return fail({ kind: 'not-running', detail: sight?.reason || 'no generation of ours runs' });
    const stored = await context.generations.read(wanted);
    if (stored.is === 'whole') return ok(stored.files);
    const reason =
      stored.is === 'damaged'
        ? `is damaged: ${stored.reason}`
        : stored.is === 'newer'
          ? 'was written by a newer Portolan'
          : 'is not on this disk';
    return fail({ kind: 'disk', detail: `generation ${wanted} ${reason}` });
  }

  async function stop(how: 'keep' | 'drain'): Promise<void> {
    runtime.close();
    await inTurn(async () => {
      ending.abort();
      await context.headStart.cancel(context);
      // Somebody else's HAProxy is theirs to stop.
      if (how === 'drain' && settings.haproxyMode === 'managed') await drain(context);
    });
    await watching;
  }

  return {
    start: () => inTurn(start),
    observe,
    validate,
    apply: (candidate) =>
      inTurn(async () => {
        // A connection that is kept stays with the worker it was made to, and keeps that from ending.
        runtime.close();
        const result = await applyCandidate(context, supervision, candidate);
        runtime.close();
        return result;
      }),
    publish: (candidate, running) => inTurn(() => context.generations.follow(candidate.generation, running)),
    runtime,
    view: async () => viewOf(await look(context), settings.haproxyMode),
    servers,
    files,
    ...createPreflight(paths.masterSocket, settings.haproxyMode),
    generations: async () => context.generations.list((await look(context)).worker?.generation),
    stop,
  };
}

/** Whoever starts HAProxy starts what `current` leads to, without looking at it: that must be whole. */
async function offerBest(generations: Generations): Promise<void> {
  const { value: best } = await generations.startOrder().next();
  const { current } = await generations.pointers();
  if (best !== undefined && best !== current) await generations.point('current', best);
}

function failureOf({ kind, detail }: CliFailure): HaproxyFailure {
  return { kind: kind === 'refused' ? 'not-running' : kind === 'timeout' ? 'timeout' : 'socket', detail };
}

function rememberBinary(
  haproxy: string,
  environment: HaproxyEnvironment,
  first: HaproxyBinary | undefined,
): () => Promise<Result<HaproxyBinary, VersionFailure>> {
  let found = first === undefined ? undefined : Promise.resolve<Result<HaproxyBinary, VersionFailure>>(ok(first));
  return async () => {
    found ??= findHaproxy(haproxy, environment);
    const result = await found;
    if (!result.ok) found = undefined;
    return result;
  };
}
