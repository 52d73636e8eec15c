import type { AppId, Version } from './app.ts';
import { byFirst, byText } from './order.ts';

/** Something that only one can have: a host with its path, an address with its port, a backend's name. */
export interface Claim<W> {
  /** What is remembered; unique for what is wanted. */
  readonly key: string;
  /** Only claims of one bucket can be in each other's way. */
  readonly bucket: string;
  readonly app: AppId;
  readonly configVersion: Version;
  /** Decides between claims of one app only: the higher weight, then the lower index. */
  readonly weight: number;
  readonly portIndex: number;
  readonly wants: W;
}

/** Who got what, and who stood in whose way. */
export interface Settlement<W> {
  readonly granted: readonly Claim<W>[];
  readonly lost: readonly { readonly claim: Claim<W>; readonly owner: Claim<W> }[];
}

/**
 * Settles claims. Whoever holds one keeps it while it still wants it; else the app with the oldest configuration gets it, then
 * the first by id. So a newcomer never takes anything away, and the loser is served as soon as the owner leaves.
 */
export function settleClaims<W>(
  claims: readonly Claim<W>[],
  conflict: (a: W, b: W) => boolean,
  held: ReadonlyMap<string, AppId>,
): Settlement<W> {
  const granted: Claim<W>[] = [];
  const lost: { claim: Claim<W>; owner: Claim<W> }[] = [];
  for (const bucket of Map.groupBy(claims, (claim) => claim.bucket).values()) {
    const winners: Claim<W>[] = [];
    const ordered = bucket.length === 1 ? bucket : bucket.toSorted((a, b) => precedence(a, b, held));
    for (const claim of ordered) {
      const owner = winners.find((winner) => conflict(winner.wants, claim.wants));
      if (owner === undefined) winners.push(claim);
      else lost.push({ claim, owner });
    }
    granted.push(...winners);
  }
  return { granted, lost };
}

function precedence<W>(a: Claim<W>, b: Claim<W>, held: ReadonlyMap<string, AppId>): number {
  const holds = ({ key, app }: Claim<W>): number => Number(held.get(key) === app);
  return byFirst(
    holds(b) - holds(a),
    a.app === b.app ? 0 : byFirst(byText(a.configVersion, b.configVersion), byText(a.app, b.app)),
    b.weight - a.weight,
    a.portIndex - b.portIndex,
    byText(a.key, b.key),
  );
}
