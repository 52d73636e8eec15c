import type { AppId, Instant, Snapshot } from './app.ts';
import type { CertificateSet } from './certificates.ts';
import type { Diagnostic, Generation, RenderedConfig, TemplateFailure } from './config.ts';
import type { DiskUse } from './disk.ts';
import type { ForgottenHealth } from './forgotten-health.ts';
import type { ForeignListener, HeldListener } from './listener.ts';
import type { ClaimConflict, ClaimSource, PeerView } from './peer.ts';
import type { ApplyPlan } from './plan.ts';
import type { HaproxyFailure, HaproxyView, PassCause, SourceFailure } from './ports.ts';
import type { Problem } from './problem.ts';
import type { RoutingTable } from './routing.ts';
import type { SpareCount } from './spare-counts.ts';
import type { Hold, HoldEnd, Witness } from './trust.ts';

/**
 * Everything that can happen, one closed union. State, log, metrics and the journal are made from these and nothing else.
 * Every event is stamped with the clock when it is emitted.
 */
export type DaemonEvent = { readonly at: number } & DaemonEventBody;

/** What happened. */
export type DaemonEventBody =
  | { readonly type: 'started'; readonly version: string; readonly haproxy: HaproxyView }
  | { readonly type: 'stopping'; readonly onStop: 'keep' | 'drain' }
  // the outside
  | { readonly type: 'stream-attached'; readonly endpoint: string }
  | { readonly type: 'stream-lost'; readonly endpoint: string; readonly reason: string }
  /** The stream beats, but told nothing of changes in these apps: it is opened anew, and polls come every `pollMs` until then. */
  | {
      readonly type: 'stream-deaf';
      readonly endpoint: string;
      readonly apps: readonly AppId[];
      readonly pollMs: number;
      readonly until: Instant;
    }
  | { readonly type: 'stream-byte'; readonly endpoint: string }
  | {
      readonly type: 'marathon-event';
      readonly eventType: string;
      readonly relevant: boolean;
      readonly apps: readonly AppId[];
    }
  | {
      readonly type: 'marathon-request';
      readonly endpoint: string;
      readonly op: 'app' | 'apps' | 'versions' | 'events' | 'leader' | 'deployments';
      readonly outcome: 'ok' | SourceFailure['kind'];
      readonly ms: number;
      readonly leader?: string;
    }
  | { readonly type: 'redirect-refused'; readonly endpoint: string; readonly target: string }
  | { readonly type: 'host-unresolvable'; readonly host: string; readonly reason: string }
  | { readonly type: 'template-refused'; readonly failure: TemplateFailure }
  | { readonly type: 'templates-loaded'; readonly overridden: readonly string[] }
  | { readonly type: 'certificates-loaded'; readonly certificates: CertificateSet }
  // one pass
  | { readonly type: 'pass-started'; readonly cause: PassCause }
  | {
      readonly type: 'snapshot-taken';
      readonly snapshot: Snapshot;
      readonly scope: 'all' | readonly AppId[];
      readonly ms: number;
    }
  /** At once, most results of health checks are gone: another leader has begun anew. What was known of the tasks counts on. */
  | ({ readonly type: 'health-forgotten' } & ForgottenHealth)
  | { readonly type: 'snapshot-failed'; readonly failure: SourceFailure }
  | {
      readonly type: 'table-built';
      readonly table: RoutingTable;
      readonly problems: readonly Problem[];
      readonly ms: number;
    }
  | { readonly type: 'render-failed'; readonly failure: TemplateFailure }
  | { readonly type: 'rendered'; readonly digest: string; readonly plan: ApplyPlan; readonly ms: number }
  | {
      readonly type: 'validated';
      readonly generation: Generation;
      readonly ms: number;
      readonly warnings: readonly Diagnostic[];
    }
  | {
      readonly type: 'validation-failed';
      readonly diagnostics: readonly Diagnostic[];
      readonly blamed: readonly AppId[];
      /** HAProxy said nothing: it could not be asked. */
      readonly unchecked?: true;
      readonly ms: number;
    }
  | {
      readonly type: 'applied';
      readonly generation: Generation;
      readonly config: RenderedConfig;
      readonly plan: ApplyPlan;
      readonly cause: PassCause;
      /** `runtime`: over the socket, without a reload; the generation stays the one that the worker has loaded. */
      readonly via: 'reload' | 'start' | 'runtime';
      /** Of the reload, the start, or the commands. */
      readonly reloadMs: number;
      /** Commands over the socket. */
      readonly commands?: number;
      readonly sinceCauseMs: number;
      readonly changes: readonly RouteChange[];
    }
  /** What the worker was brought to over its socket is on disk, valid: the next start begins there. */
  | { readonly type: 'published'; readonly generation: Generation; readonly ms: number }
  /** The socket was not to be trusted; it is looked at again, or HAProxy is reloaded. */
  | { readonly type: 'runtime-doubt'; readonly detail: string }
  /** HAProxy was not as it should be, without anybody having said so; it is put right. */
  | { readonly type: 'drift'; readonly differences: readonly string[] }
  /** The servers of leaving tasks were taken out before anything was fetched. */
  | { readonly type: 'taken-out'; readonly tasks: readonly string[]; readonly servers: number; readonly ms: number }
  /** The socket does not go all the way: these are the reasons for the reload that follows, if HAProxy takes it. */
  | { readonly type: 'reload-needed'; readonly plan: ApplyPlan }
  /** Spares of the running configuration. `few`: those of which few are left since now. */
  | { readonly type: 'spares-counted'; readonly spares: readonly SpareCount[]; readonly few: readonly SpareCount[] }
  | { readonly type: 'apply-failed'; readonly failure: HaproxyFailure; readonly serving?: Generation }
  /** What is wanted was refused before, with this failure, and is not tried again before its time. */
  | { readonly type: 'apply-held'; readonly failure: HaproxyFailure; readonly until: Instant }
  | {
      readonly type: 'pass-finished';
      readonly outcome: 'unchanged' | 'applied' | 'waiting' | 'failed';
      readonly ms: number;
    }
  | { readonly type: 'bug'; readonly message: string; readonly stack: string }
  // HAProxy
  | {
      readonly type: 'haproxy-up';
      readonly haproxy: HaproxyView;
      readonly config?: RenderedConfig;
      readonly how: 'started' | 'adopted' | 'restarted';
    }
  | { readonly type: 'haproxy-down'; readonly reason: string }
  | { readonly type: 'haproxy-seen'; readonly haproxy: HaproxyView }
  /** All addresses that wait until they can be listened on; everything else is served without them. */
  | { readonly type: 'listeners-held'; readonly held: readonly HeldListener[] }
  /** Everybody else who listens where HAProxy does. */
  | { readonly type: 'foreign-listeners'; readonly found: readonly ForeignListener[] }
  /** The admin API's address over TCP cannot be had; it is tried again. */
  | { readonly type: 'admin-unbound'; readonly place: string; readonly detail: string }
  | { readonly type: 'admin-bound'; readonly place: string }
  /** Something was done about a HAProxy that ran and did not do its work. `pid`: of the process, where it is about one. */
  | { readonly type: 'haproxy-cured'; readonly cure: Cure; readonly pid?: number; readonly detail: string }
  /** The socket has carried what it can, and the reload for the rest has to wait; it is looked at again at `until`. */
  | ({ readonly type: 'reload-held' } & ReloadHold)
  // the disk
  /** The disk does not take what this writer has for it; it is tried again. Told again when the reason is another one. */
  | { readonly type: 'disk-failing'; readonly what: DiskUse; readonly detail: string }
  | { readonly type: 'disk-recovered'; readonly what: DiskUse }
  // trust
  /** An answer lacks too much; what it lacks is served on. `again`: with every further answer, and when some of it is explained. */
  | { readonly type: 'shrink-held'; readonly hold: Hold; readonly again: boolean }
  /** Others were asked about what is held. */
  | { readonly type: 'shrink-witnessed'; readonly witness: Witness; readonly ms: number }
  /** Nothing is held any more; `lost` routes are gone, or were never. */
  | { readonly type: 'shrink-ended'; readonly how: HoldEnd; readonly lost: number; readonly ms: number }
  // quarantine
  /** HAProxy refused what an app asks for, in these words; or (`unread`) a label cannot be understood, which they tell. */
  | {
      readonly type: 'app-quarantined';
      readonly unread?: true;
      readonly app: AppId;
      readonly message: string;
      /** What of the app is served meanwhile. */
      readonly keeps: 'last-good' | 'nothing';
      readonly label?: string;
      /** Masked where it is a secret. */
      readonly value?: string;
    }
  /** It is served as it asks again, or is gone. */
  | { readonly type: 'app-released'; readonly app: AppId }
  // ownership
  /** Who holds names that this node did not know of, and who says so. */
  | { readonly type: 'claims-taken'; readonly from: ClaimSource; readonly count: number }
  /** Names that nobody gets, as it is not known who had them first; 0: there are none any more. */
  | { readonly type: 'claims-open'; readonly count: number; readonly apps: readonly AppId[] }
  /** The other edges, and every name that they give to somebody else than this one does. */
  | { readonly type: 'peers-seen'; readonly peers: readonly PeerView[]; readonly conflicts: readonly ClaimConflict[] };

/** What was done: a stopped process continued, a silent HAProxy ended, its master told by a signal, a deleted socket put back. */
export type Cure = 'continued' | 'killed' | 'master-signalled' | 'socket-restored';

/** Why a reload waits: the budget of the minute is used up, or there are too many old workers, or too large ones. */
export interface ReloadHold {
  readonly because: 'budget' | 'old-workers' | 'memory';
  readonly until: Instant;
  readonly detail: string;
}

/** One change of the routing in the field's words, for the journal and the one-line-per-change stream. */
export interface RouteChange {
  readonly change:
    | 'route-added'
    | 'route-removed'
    | 'service-added'
    | 'service-removed'
    | 'server-added'
    | 'server-removed'
    | 'server-changed'
    | 'backend-changed';
  readonly app: AppId;
  /** `my-app.example/api`, `10000`, `10.0.0.1:31000`, … */
  readonly what: string;
}
