import type { AppId, Snapshot } from './app.ts';
import type { CertificateSet } from './certificates.ts';
import { NO_CERTIFICATES } from './certificates.ts';
import type { Diagnostic, Generation, RenderedConfig, TemplateFailure } from './config.ts';
import type { DiskFailing, DiskUse } from './disk.ts';
import type { ReloadHold } from './events.ts';
import type { ForgottenHealth } from './forgotten-health.ts';
import type { HistoryEntry, OpenPass } from './history.ts';
import type { ForeignListener, HeldListener } from './listener.ts';
import type { ClaimConflict, PeerView } from './peer.ts';
import type { HaproxyView, SourceFailure } from './ports.ts';
import type { Problem } from './problem.ts';
import type { ReloadReason, ReloadWord } from './reload-reason.ts';
import type { RoutingTable } from './routing.ts';
import type { Settings } from './settings.ts';
import type { SpareCount } from './spare-counts.ts';
import type { Hold } from './trust.ts';

/** Everything that people and machines may ask about the daemon: immutable, replaced by `reduce`. Instants are ms since the epoch. */
export interface State {
  readonly version: string;
  readonly settings: StateSettings;
  /** Time of the newest event. */
  readonly at: number;
  readonly startedAt: number;
  readonly phase: 'starting' | 'idle' | 'running' | 'backing-off' | 'stopping';
  readonly phaseSince: number;
  readonly masters: ReadonlyMap<string, MasterState>;
  /** Last seen in `X-Marathon-Leader`. */
  readonly leader?: string;
  readonly stream: StreamState;
  readonly snapshot?: Snapshot;
  /** Set while an answer that lacks too much is not believed. */
  readonly guard?: Hold;
  /** The last time that results of health checks were gone at once, as a new leader has none. */
  readonly healthForgotten?: ForgottenHealth & { readonly at: number };
  /** Set while the newest attempt to read the source failed. */
  readonly sourceFailing?: { readonly since: number; readonly failure: SourceFailure };
  /** What should run; absent until a first table was built. */
  readonly table?: RoutingTable;
  /** Of all stages, of the newest table. */
  readonly problems: readonly Problem[];
  readonly desired?: { readonly digest: string; readonly at: number };
  /** The newest candidate that was found valid. */
  readonly written?: { readonly digest: string; readonly generation: Generation; readonly at: number };
  /** What the worker in charge runs, as proven; `config` is absent when its files are not known. */
  readonly running?: RunningState;
  readonly lastApply?: LastApply;
  /** Set while desired and running differ because something refuses. */
  readonly applyFailing?: ApplyFailing;
  readonly haproxy?: HaproxyView;
  /** Of the running configuration; empty where new apps need none. */
  readonly spares: readonly SpareCount[];
  /** The newest reload, by the word that it counted under. */
  readonly lastReload?: { readonly at: number; readonly word: ReloadWord; readonly reasons: readonly ReloadReason[] };
  readonly haproxyDown?: { readonly since: number; readonly reason: string };
  /** Set while a reload is wanted that has to wait. */
  readonly reloadHeld?: ReloadHold & { readonly since: number };
  readonly templates: { readonly overridden: readonly string[]; readonly refused?: TemplateFailure };
  readonly certificates: CertificateSet;
  /** Passes that changed something or failed, newest last; at most `HISTORY_LENGTH`. */
  readonly history: readonly HistoryEntry[];
  readonly openPass?: OpenPass;
  readonly lastBug?: { readonly at: number; readonly message: string };
  readonly counts: Counts;
  /** Addresses that wait until they can be listened on. */
  readonly heldListeners: readonly HeldListener[];
  /** Who else listens where HAProxy does. */
  readonly foreignListeners: readonly ForeignListener[];
  /** Set while the admin API does not listen on its address over TCP. */
  readonly adminUnbound?: { readonly since: number; readonly place: string; readonly detail: string };
  /** What the disk does not take now. Everything else goes on. */
  readonly diskFailing: ReadonlyMap<DiskUse, DiskFailing>;
  /** The other edges as they were last seen. */
  readonly peers: readonly PeerView[];
  /** Names that they give to somebody else than this node does. */
  readonly claimConflicts: readonly ClaimConflict[];
}

/** The settings that views and readiness need. */
type StateSettings = Pick<
  Settings,
  'marathon' | 'group' | 'strictMode' | 'pollInterval' | 'sse' | 'pathMatch' | 'httpBind' | 'httpsBind'
> & {
  readonly source: 'marathon' | 'file';
};

/** One Marathon master as its answers show it. */
export interface MasterState {
  readonly outcome: 'ok' | SourceFailure['kind'];
  readonly at: number;
  readonly lastOkAt?: number;
  readonly ms: number;
  /** Consecutive. */
  readonly failures: number;
}

/** The event stream. */
export interface StreamState {
  readonly attached?: { readonly endpoint: string; readonly since: number };
  readonly lastByteAt?: number;
  readonly lost?: { readonly endpoint: string; readonly reason: string; readonly at: number };
  /** The last time that it told nothing of changes in these apps, and how often that was; polls come every `pollMs` `until` then. */
  readonly deaf?: {
    readonly times: number;
    readonly endpoint: string;
    readonly apps: readonly AppId[];
    readonly at: number;
    readonly pollMs: number;
    readonly until: number;
  };
  /** Attachments after the first one. */
  readonly reconnects: number;
  readonly everAttached: boolean;
}

/** What the worker in charge runs. */
export interface RunningState {
  readonly generation?: Generation;
  readonly config?: RenderedConfig;
  /** What the worker read when it started, where the socket has changed it since. */
  readonly loaded?: RenderedConfig;
  /** When it was loaded, or found at start. */
  readonly since: number;
}

/** How the newest attempt to apply ended. */
interface LastApply {
  readonly ok: boolean;
  readonly at: number;
  readonly generation?: Generation;
  readonly detail?: string;
}

/** Why desired and running differ. */
export interface ApplyFailing {
  readonly since: number;
  readonly stage: 'render' | 'validation' | 'reload' | 'bug';
  readonly detail: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Since the start of this process. */
interface Counts {
  readonly passes: number;
  readonly reloads: number;
  /** Passes that HAProxy followed without a reload. */
  readonly runtimeChanges: number;
  readonly failedReloads: number;
  readonly validations: number;
  readonly failedValidations: number;
  readonly leaderChanges: number;
  readonly marathonEvents: number;
  readonly bugs: number;
}

/** The state before anything has happened. */
export function initialState(version: string, settings: Settings, at: number): State {
  return {
    version,
    settings: {
      marathon: settings.apps === undefined ? settings.marathon : [],
      group: settings.group,
      strictMode: settings.strictMode,
      pollInterval: settings.pollInterval,
      sse: settings.sse,
      pathMatch: settings.pathMatch,
      httpBind: settings.httpBind,
      httpsBind: settings.httpsBind,
      source: settings.apps === undefined ? 'marathon' : 'file',
    },
    at,
    startedAt: at,
    phase: 'starting',
    phaseSince: at,
    masters: new Map(),
    stream: { reconnects: 0, everAttached: false },
    problems: [],
    spares: [],
    templates: { overridden: [] },
    certificates: NO_CERTIFICATES,
    history: [],
    counts: {
      passes: 0,
      reloads: 0,
      runtimeChanges: 0,
      failedReloads: 0,
      validations: 0,
      failedValidations: 0,
      leaderChanges: 0,
      marathonEvents: 0,
      bugs: 0,
    },
    heldListeners: [],
    foreignListeners: [],
    diskFailing: new Map(),
    peers: [],
    claimConflicts: [],
  };
}

/** How changes reach Portolan now: by the event stream, by polling, or from a file. */
export function discoveryMode(state: State): 'sse' | 'poll' | 'file' {
  if (state.settings.source === 'file') return 'file';
  return state.stream.attached === undefined ? 'poll' : 'sse';
}

/** Age of the snapshot at `now` in ms; undefined while there is none. */
export function snapshotAge(state: State, now: number): number | undefined {
  return state.snapshot === undefined ? undefined : Math.max(0, now - state.snapshot.takenAt);
}

/** The number of the configuration that should run: undefined while it was not yet written. */
export function desiredGeneration(state: State): Generation | undefined {
  if (state.desired === undefined) return state.running?.generation;
  if (state.running?.config?.digest === state.desired.digest) return state.running.generation;
  return state.written?.digest === state.desired.digest ? state.written.generation : undefined;
}

/** True when the worker in charge runs what should run. */
export function converged(state: State): boolean {
  return state.desired !== undefined && state.running?.config?.digest === state.desired.digest;
}
