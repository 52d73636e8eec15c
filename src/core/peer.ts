import type { AppId, Instant } from './app.ts';
import { byFirst, byText } from './order.ts';

/** What another edge said of who holds what there. */
export interface PeerAnswer {
  readonly url: string;
  /** Absent where it could not be had. The same map as last time while it is the same. */
  readonly claims?: ReadonlyMap<string, AppId>;
  /** Why not, for people. */
  readonly detail?: string;
}

/** Other edges of the same cluster. */
export interface Peers {
  /** Asks all of them who holds what there, at the same time and not for long; in the order of the settings. Never rejects. */
  claims(signal: AbortSignal): Promise<readonly PeerAnswer[]>;
}

/** Another edge as it was seen. */
export interface PeerView {
  readonly url: string;
  readonly reachable: boolean;
  readonly at: Instant;
  readonly detail?: string;
}

/** Two edges that serve different apps on one name. */
export interface ClaimConflict {
  /** As claims are remembered: `host a.example/path`, `port *:10000`, `backend shop_10000`. */
  readonly key: string;
  readonly here: AppId;
  readonly there: AppId;
  /** The other edge's URL. */
  readonly peer: string;
}

/** Where a node's claims came from, when it had none of its own. `age`: the oldest versions; of whatever source, nobody asked twice. */
export type ClaimSource = 'running' | 'peers' | 'versions';

/** Names that others hold for somebody else, sorted. A name that one of two does not have is no disagreement. */
export function conflictsWith(
  own: ReadonlyMap<string, AppId>,
  answers: readonly PeerAnswer[],
): readonly ClaimConflict[] {
  const conflicts: ClaimConflict[] = [];
  for (const { url, claims = new Map<string, AppId>() } of answers) {
    for (const [key, there] of claims) {
      const here = own.get(key);
      if (here !== undefined && here !== there) conflicts.push({ key, here, there, peer: url });
    }
  }
  return conflicts.sort((a, b) => byFirst(byText(a.key, b.key), byText(a.peer, b.peer)));
}

/** Of the holders that may have a name, the one that most peers name; undefined where none does, or two equally often. */
export function holderByPeers(
  rivals: readonly { readonly key: string; readonly holder: AppId }[],
  answers: readonly PeerAnswer[],
): AppId | undefined {
  const votes = new Map<AppId, number>();
  for (const { claims } of answers) {
    const named = new Set(rivals.filter(({ key, holder }) => claims?.get(key) === holder).map(({ holder }) => holder));
    for (const holder of named) votes.set(holder, (votes.get(holder) ?? 0) + 1);
  }
  const [first, second] = [...votes].sort((a, b) => byFirst(b[1] - a[1], byText(a[0], b[0])));
  return first === undefined || first[1] === second?.[1] ? undefined : first[0];
}
