import type { App, AppId, Instant, Snapshot } from './app.ts';
import type { CertificateSet } from './certificates.ts';
import type { Diagnostic, Generation, RenderedConfig, TemplateSources } from './config.ts';
import type { EarliestVersion } from './earliest-version.ts';
import type { LeavingTask } from './leaving.ts';
import type { BindTrial, ForeignListener } from './listener.ts';
import type { Memory } from './memory.ts';
import type { Checked } from './problem.ts';
import type { Quarantined } from './quarantine.ts';
import type { Result } from './result.ts';
import type { HaproxyRuntime } from './runtime.ts';
import type { BindAddress } from './settings.ts';
import type { Witness } from './trust.ts';

/** "Look again": at these apps, or at everything. Never a fact in itself. */
export interface ChangeHint {
  readonly scope: 'all' | readonly AppId[];
  /** What hinted: an event type, `connected`, `poll`, `file`, … */
  readonly reason: string;
  /** When the hint arrived. */
  readonly at: Instant;
  /** Tasks that are about to end, wherever their apps are in `scope`: no server of theirs should get new requests. */
  readonly leaving?: readonly LeavingTask[];
  /** Apps that were destroyed by the word of an event, wherever `scope` is. */
  readonly removed?: readonly AppId[];
  /**
   * Routes of these apps go by nothing that is different yet, and another event tells when they do: while much else happens, the look may
   * wait.
   */
  readonly patient?: true;
}

/** Why a pass runs: the hints it answers. */
export interface PassCause {
  readonly reasons: readonly string[];
  readonly scope: 'all' | readonly AppId[];
  /** When the first of the hints arrived. */
  readonly since: Instant;
}

/** Why the outside could not be read. The set is closed; `detail` is for people. */
export type SourceFailure =
  | {
      readonly kind:
        | 'unreachable'
        | 'timeout'
        | 'unauthorized'
        | 'http-status'
        | 'not-json'
        | 'not-apps'
        | 'truncated'
        | 'too-large'
        | 'aborted'
        | 'tls'
        | 'redirect-refused';
      readonly endpoint: string;
      readonly detail: string;
    }
  | { readonly kind: 'file-unreadable'; readonly endpoint: string; readonly detail: string };

/** What brings the outside in. */
export interface Source {
  /** Hints, for ever, until aborted; reconnects by itself. */
  changes(signal: AbortSignal): AsyncIterable<ChangeHint>;
  /**
   * Reads all apps, or some of them and the rest from the last answer. Unchanged apps keep their identity.
   * With a scope and no earlier full answer it reads all.
   */
  snapshot(scope: 'all' | readonly AppId[], signal: AbortSignal): Promise<Result<Checked<Snapshot>, SourceFailure>>;
  /** Hears, before it is asked for the first answer, which tasks were out of touch when the life before ended. */
  resume?(outOfTouch: Memory['outOfTouch']): void;
  /** Asks whoever else may know about apps that the last full answer lacks. Takes its time; never rejects. */
  witness(missing: readonly AppId[], signal: AbortSignal): Promise<Witness>;
  /**
   * The oldest version of an app whose definition passes; undefined where that cannot be found out now. Absent: this source
   * knows no older versions. Takes its time; never rejects.
   */
  readonly earliest?: EarliestVersion;
}

/** Templates and certificates: files that an operator changes. */
export interface OperatorFiles {
  templates(): TemplateSources;
  certificates(): CertificateSet;
}

/** What HAProxy can do and how it is, as read from it. */
export interface HaproxyView {
  readonly up: boolean;
  /** e.g. `2.6.12-1+deb12u4`. */
  readonly version?: string;
  readonly masterPid?: number;
  readonly workerPid?: number;
  readonly oldWorkers: number;
  /** Bytes of memory that the old workers have to themselves; absent where their processes cannot be seen. */
  readonly oldWorkersMemory?: number;
  readonly reloads?: number;
  /** Generation read back from the worker in charge. */
  readonly generation?: Generation;
  readonly mode: 'managed' | 'external';
  /** Capability tier (haproxy-runtime 4.2): `A` dynamic backends, `B` dynamic servers, `C` the same with work-arounds, `D` none. */
  readonly tier?: 'A' | 'B' | 'C' | 'D';
  /** The master answers `reload` with its outcome (≥ 2.7). */
  readonly reloadAnswers?: boolean;
}

/** What went wrong with HAProxy. */
export type HaproxyFailure =
  | { readonly kind: 'not-running' | 'socket' | 'timeout' | 'disk' | 'start-failed'; readonly detail: string }
  | { readonly kind: 'reload-failed'; readonly detail: string; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'not-confirmed';
      readonly detail: string;
      readonly expected: Generation;
      readonly found?: Generation;
    };

/** Why a candidate is not valid, or could not be checked. */
export type ValidationFailure =
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: 'disk' | 'timeout' | 'binary'; readonly detail: string };

/** A candidate that was written and found valid. */
export interface Candidate {
  readonly generation: Generation;
  readonly warnings: readonly Diagnostic[];
}

/** How applying ended. */
export type ApplyResult =
  | { readonly kind: 'applied'; readonly generation: Generation; readonly via: 'reload' | 'start'; readonly ms: number }
  | { readonly kind: 'rejected'; readonly failure: HaproxyFailure; readonly serving?: Generation }
  /** What runs is unknown: look again before the next plan. */
  | { readonly kind: 'uncertain'; readonly failure: HaproxyFailure };

/** What the worker in charge runs, as proven by its generation number and that generation's files. */
export type Observed =
  | {
      readonly known: true;
      readonly generation: Generation;
      /** What the worker runs, as last published. */
      readonly config: RenderedConfig;
      /** What it read when it started, where that is not `config`: the socket has changed it since. */
      readonly loaded?: RenderedConfig;
    }
  | { readonly known: false; readonly reason: string };

/** One server as HAProxy sees it now. */
export interface LiveServer {
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  /** `up`: takes requests (checked or unchecked); `down`, `maint`, `drain` do not take new ones. */
  readonly state: 'up' | 'down' | 'maint' | 'drain';
}

/** What carries decisions out. */
export interface Haproxy {
  /** Adopts a running HAProxy or starts one with the last good generation. `undefined` inside ok: nothing to serve yet. */
  start(): Promise<Result<Observed | undefined, HaproxyFailure>>;
  /** What runs now, proven on a fresh connection. */
  observe(): Promise<Observed>;
  /**
   * Writes a candidate generation, fsynced, and runs `haproxy -c` on it in its own folder. `meanwhile`: nobody waits for it, and
   * it gives way to everybody else on the machine.
   */
  validate(
    config: RenderedConfig,
    why: string,
    signal: AbortSignal,
    when?: 'now' | 'meanwhile',
  ): Promise<Result<Candidate, ValidationFailure>>;
  /** Publishes the candidate and makes HAProxy run it. Never aborted; has a deadline and an outcome. */
  apply(candidate: Candidate): Promise<ApplyResult>;
  /**
   * Publishes a candidate that says what the worker of `running` was brought to over its socket: the next start, whoever makes
   * it, begins there. Nothing is reloaded.
   */
  publish(candidate: Candidate, running: Generation): Promise<Result<void, HaproxyFailure>>;
  /** The runtime lane of the worker in charge. */
  readonly runtime: HaproxyRuntime;
  /** Pids, versions, generation: for people and metrics. */
  view(): Promise<HaproxyView>;
  /** `show servers state` of one backend, or all. */
  servers(backend?: string): Promise<Result<readonly LiveServer[], HaproxyFailure>>;
  /** Bytes of a generation's haproxy.cfg and other files; without number: those of the worker in charge. */
  files(generation?: Generation): Promise<Result<ReadonlyMap<string, string>, HaproxyFailure>>;
  /** Generations on disk, newest first. */
  generations(): Promise<readonly GenerationInfo[]>;
  /** Tries addresses that HAProxy does not listen on yet, without disturbing what it does; one answer for each. */
  tryBinds(binds: readonly BindAddress[]): Promise<readonly BindTrial[]>;
  /** Processes other than our HAProxy that listen on these addresses. */
  foreignListeners(binds: readonly BindAddress[]): Promise<readonly ForeignListener[]>;
  /** Ends the adapter: `keep` leaves HAProxy serving, `drain` soft-stops it and waits. */
  stop(how: 'keep' | 'drain'): Promise<void>;
}

/** What is known of a generation on disk. */
export interface GenerationInfo {
  readonly generation: Generation;
  readonly writtenAt: Instant;
  readonly why: string;
  readonly state: 'candidate' | 'rejected' | 'published' | 'running';
  readonly digest: string;
}

/** Keeps `Memory` between lives. */
export interface MemoryStore {
  load(): Promise<Memory>;
  /** Is on disk soon. What comes meanwhile is saved with it; a disk that does not take it is asked again. */
  save(memory: Memory): void;
  /** What was given to `save` is on disk, or was tried, when this resolves. Never rejects. */
  flush(): Promise<void>;
}

/** Definitions that HAProxy has accepted, and the apps that it refused: what a life leaves to the next. */
export interface SavedApps {
  /** Sorted by id. Those of quarantined apps are what was refused. */
  readonly apps: readonly App[];
  readonly quarantined: ReadonlyMap<AppId, Quarantined>;
}

/** Keeps them. */
export interface GoodApps {
  /** The last good definition of each app, without tasks and deployments, and who was quarantined. Never rejects. */
  load(): Promise<{
    readonly apps: ReadonlyMap<AppId, App>;
    readonly quarantined: ReadonlyMap<AppId, Quarantined>;
  }>;
  /** Is on disk soon, if any definition is not as it was. Called with every pass: nothing is looked at before this returns. */
  save(saved: SavedApps): void;
  /** What was given to `save` is on disk, or was tried, when this resolves. Never rejects. */
  flush(): Promise<void>;
}

/** Time, as the outside gives it. */
export interface Clock {
  now(): Instant;
  /** Resolves after `ms`, or early when aborted; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** What an operator may ask of the loop. */
export interface Control {
  requestPass(reason: string): void;
  setLogLevel(level: string): boolean;
  /** Believes the answer that is held. False: none is. */
  acceptShrink(): boolean;
}
