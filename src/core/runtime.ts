import type { Generation } from './config.ts';
import type { MapFile } from './maps.ts';
import type { BackendName, Server, ServerName } from './routing.ts';

/**
 * One thing to do to a running HAProxy over its socket. Each is idempotent from the observation it was planned on; a batch is
 * carried out in order: backends get servers before rows lead to them, rows go before servers do.
 */
export type RuntimeCommand =
  /** `add server`, `enable health` where it has a check, then its admission. */
  | { readonly do: 'add-server'; readonly backend: BackendName; readonly server: Server }
  /** A server of that name is there in maintenance (a tombstone): same words, so it is only let in again. */
  | { readonly do: 'revive-server'; readonly backend: BackendName; readonly server: Server }
  | {
      readonly do: 'set-admission';
      readonly backend: BackendName;
      readonly server: ServerName;
      readonly admission: Server['admission'];
    }
  /** Tier A: `add backend … from` a named profile, empty and not published: no request gets in yet. */
  | { readonly do: 'add-backend'; readonly backend: BackendName; readonly profile: string }
  | { readonly do: 'publish-backend'; readonly backend: BackendName }
  | { readonly do: 'unpublish-backend'; readonly backend: BackendName }
  /** It is unpublished and its servers were removed: `del backend` once nothing is attached to them. */
  | { readonly do: 'delete-backend'; readonly backend: BackendName }
  /** Into maintenance now; `del server` once nothing is attached, where the version may (tier A, B). */
  | { readonly do: 'remove-server'; readonly backend: BackendName; readonly server: ServerName }
  | { readonly do: 'add-row'; readonly map: MapFile; readonly key: string; readonly value: string }
  | { readonly do: 'set-row'; readonly map: MapFile; readonly key: string; readonly value: string }
  | { readonly do: 'delete-row'; readonly map: MapFile; readonly key: string }
  /** `prepare map`, rows in payloads, counted, `commit map`: nobody sees it half done. */
  | { readonly do: 'replace-map'; readonly map: MapFile; readonly rows: ReadonlyMap<string, string> };

/** A server as the worker shows it (`show servers state`). */
export interface ObservedServer {
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly port: number;
  /** Forced admin state; `maint` also when the configuration says `disabled`. */
  readonly admission: 'ready' | 'maint' | 'drain';
  /** HAProxy sends requests to it now, checks included. */
  readonly up: boolean;
}

/** What was read from the worker; only what was asked for is in it. A backend that does not exist is absent. */
export interface ObservedRuntime {
  readonly generation: Generation;
  readonly backends: ReadonlyMap<string, readonly ObservedServer[]>;
  readonly maps: ReadonlyMap<MapFile, ReadonlyMap<string, string>>;
  /** Where they were asked for, on tier A. */
  readonly dynamic?: ObservedDynamic;
}

/** Which backends are not as the configuration says, because of the socket. */
export interface ObservedDynamic {
  /** They were made over the socket, with the names of the profiles that they were made from. */
  readonly made: ReadonlyMap<string, string>;
  readonly unpublished: ReadonlySet<string>;
}

/** A server that was removed and still has connections, or, without server, a backend that is not empty yet. */
export interface LeftPlace {
  readonly backend: string;
  readonly server?: string;
}

/** What to read: backends by name or all, whole maps, single rows. */
export interface RuntimeQuestion {
  readonly backends: 'all' | readonly string[];
  readonly maps: readonly MapFile[];
  /** Single rows of other maps: what was found of them is in the answer's `maps`. */
  readonly rows?: readonly { readonly map: MapFile; readonly key: string }[];
  /** Which backends the socket has made, where it can: costs a line for every backend. */
  readonly dynamic?: true;
}

/** How a batch ended. */
export type RuntimeResult =
  /**
   * Every reply was the expected one. `left`: what was removed, still has connections and waits for its `del`. `observed`: what was to
   * be read after it, where that could go along.
   */
  | {
      readonly kind: 'done';
      readonly ms: number;
      readonly left: readonly LeftPlace[];
      readonly observed?: ObservedRuntime;
    }
  /**
   * HAProxy understood and refused, or the command cannot be said. Of what comes after `command` only its neighbours of the
   * same kind (letting servers in, taking them out, rows) may have been carried out: they go out together.
   */
  | { readonly kind: 'refused'; readonly command: RuntimeCommand; readonly reply: string }
  /** Framing, deadline, connection or another generation: nobody knows what was done. Look again before anything else. */
  | { readonly kind: 'doubt'; readonly detail: string };

/**
 * What the runtime API of a worker can do (haproxy-runtime 4.2), probed, not assumed. A: 3.4 and newer, dynamic backends.
 * B: 3.0–3.3, servers are added and deleted. C: 2.6–2.9, with work-around words, never deleted, no cookie of ours on a dynamic server.
 * D: the socket cannot be used.
 */
export type Tier = 'A' | 'B' | 'C' | 'D';

/** The runtime lane of a running HAProxy. */
export interface HaproxyRuntime {
  /** Of the worker in charge. */
  tier(): Promise<Tier>;
  /**
   * Carries out a batch on one connection that is bound to `generation`. `question`, which asks for no dynamic backends: goes out behind
   * the last commands where these are sent at once, so that what they did is read without waiting for their replies first.
   */
  run(generation: Generation, commands: readonly RuntimeCommand[], question?: RuntimeQuestion): Promise<RuntimeResult>;
  /** Reads from the same worker; undefined where it cannot be had or another generation answers. */
  read(generation: Generation, question: RuntimeQuestion): Promise<ObservedRuntime | undefined>;
  /** Tries `del` again for what was left, servers first; gives what still is. */
  sweep(generation: Generation, left: readonly LeftPlace[]): Promise<readonly LeftPlace[]>;
  /** Certificates of the same worker. */
  readonly certificates: CertificateRuntime;
  /** Lets go of the connection, before a reload and at the end. */
  close(): void;
}

/** What a worker can be told and asked of certificates. */
export interface CertificateRuntime {
  tell(generation: Generation, command: CertificateCommand): Promise<Told>;
  /** Undefined where it cannot be had or another generation answers. */
  read(generation: Generation, question: CertificateQuestion): Promise<ObservedCertificates | undefined>;
}

/**
 * What to do about a certificate: its path, never its bytes. They are read from its file when the command is sent, and have to be
 * those of `digest` (`Certificate.digest`). `list`: the list of :443, by the name that the configuration gives it.
 */
export type CertificateCommand =
  /** `new`, `set` and `commit ssl cert`, `add ssl crt-list`. */
  | { readonly do: 'add-certificate'; readonly list: string; readonly certificate: string; readonly digest: string }
  /** `set` and `commit ssl cert`: wherever it is bound. */
  | { readonly do: 'renew-certificate'; readonly certificate: string; readonly digest: string }
  /** `del ssl crt-list`; `del ssl cert` unless something else is bound with it. */
  | { readonly do: 'remove-certificate'; readonly list: string; readonly certificate: string };

/** How telling ended: HAProxy refused (or the file is not what it was), or nobody knows what was done. */
export type Told =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reply: string }
  | { readonly kind: 'doubt'; readonly detail: string };

/** A list of certificates, and the certificates of these paths. */
export interface CertificateQuestion {
  readonly list: string;
  readonly paths: readonly string[];
}

/** Certificates as a worker shows them. */
export interface ObservedCertificates {
  /** Paths in the list, in its order; absent: the worker has no such list. */
  readonly listed?: readonly string[];
  /** SHA-1 fingerprints, upper-case hex without colons, by path; one that the worker does not hold is not in it. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** A socket that cannot be used: every change is a reload. */
export const NO_RUNTIME: HaproxyRuntime = {
  tier: async () => 'D',
  run: async () => ({ kind: 'doubt', detail: 'the runtime lane is switched off' }),
  read: async () => undefined,
  sweep: async (_, left) => left,
  certificates: {
    tell: async () => ({ kind: 'doubt', detail: 'the runtime lane is switched off' }),
    read: async () => undefined,
  },
  close: () => undefined,
};
