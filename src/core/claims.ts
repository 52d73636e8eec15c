import type { AppId, Version } from './app.ts';
import type { Difference } from './difference.ts';
import { byFirst, byText } from './order.ts';

/** Something that only one can have: a host with its path, an address with its port, a backend's name. */
export interface Claim<W> {
  /** What is remembered; unique for what is wanted. */
  readonly key: string;
  /** Only claims of one bucket can be in each other's way. */
  readonly bucket: string;
  readonly app: AppId;
  /** Whose claim it is as it is remembered: an app, or a deployment group. */
  readonly holder: AppId;
  readonly configVersion: Version;
  /** Decides between claims of one holder only: the higher weight, then the lower index. */
  readonly weight: number;
  readonly portIndex: number;
  readonly wants: W;
}

/** Who got what, and who stood in whose way. */
export interface Settlement<W> {
  readonly granted: readonly Claim<W>[];
  readonly lost: readonly { readonly claim: Claim<W>; readonly owner: Claim<W> }[];
}

/** Whether two that are wanted cannot both be had. */
export type Conflict<W> = (a: W, b: W) => boolean;

/** What became of the buckets that a change of claims touched. */
export interface Resettled<W> {
  readonly granted: Difference<Claim<W>>;
  readonly lost: Difference<Settlement<W>['lost'][number]>;
}

/** All claims of one kind, settled anew where they change. */
export interface ClaimBook<W> {
  /**
   * Takes claims out and in. `held`: who holds what, by key. A bucket that no change touches is not looked at: the claims
   * that it was settled with must then be held as it was settled.
   */
  change(claims: Difference<Claim<W>>, held: ReadonlyMap<string, AppId>): Resettled<W>;
  isGranted(claim: Claim<W>): boolean;
}

const NONE: Settlement<never> = { granted: [], lost: [] };

/** A book without claims. */
export function createClaimBook<W>(conflict: Conflict<W>): ClaimBook<W> {
  const buckets = new Map<string, Settlement<W>>();
  const granted = new Set<Claim<W>>();
  return {
    change({ gone, came }, held) {
      const left = new Set(gone);
      const before: Settlement<W>[] = [];
      const after: Settlement<W>[] = [];
      const added = Map.groupBy(came, ({ bucket }) => bucket);
      for (const bucket of new Set([...gone.map((claim) => claim.bucket), ...added.keys()])) {
        const was = buckets.get(bucket) ?? NONE;
        const stay = [...was.granted, ...was.lost.map(({ claim }) => claim)].filter((claim) => !left.has(claim));
        const claims = [...stay, ...(added.get(bucket) ?? [])];
        const now = settleClaims(claims, conflict, held);
        if (claims.length === 0) buckets.delete(bucket);
        else buckets.set(bucket, now);
        for (const claim of was.granted) granted.delete(claim);
        for (const claim of now.granted) granted.add(claim);
        before.push(was);
        after.push(now);
      }
      return {
        granted: { gone: before.flatMap((one) => one.granted), came: after.flatMap((one) => one.granted) },
        lost: { gone: before.flatMap((one) => one.lost), came: after.flatMap((one) => one.lost) },
      };
    },
    isGranted: (claim) => granted.has(claim),
  };
}

/**
 * Settles the claims of one bucket. Whoever holds one keeps it while it still wants it; else the one with the oldest
 * configuration gets it, then the first by id. So a newcomer never takes anything away, and the loser is served as soon as the
 * owner leaves.
 */
export function settleClaims<W>(
  claims: readonly Claim<W>[],
  conflict: Conflict<W>,
  held: ReadonlyMap<string, AppId>,
): Settlement<W> {
  if (claims.length <= 1) return { granted: claims, lost: [] };
  const granted: Claim<W>[] = [];
  const lost: { claim: Claim<W>; owner: Claim<W> }[] = [];
  for (const claim of claims.toSorted((a, b) => precedence(a, b, held))) {
    const owner = granted.find((winner) => conflict(winner.wants, claim.wants));
    if (owner === undefined) granted.push(claim);
    else lost.push({ claim, owner });
  }
  return { granted, lost };
}

function precedence<W>(a: Claim<W>, b: Claim<W>, held: ReadonlyMap<string, AppId>): number {
  const holds = ({ key, holder }: Claim<W>): number => Number(held.get(key) === holder);
  return byFirst(
    holds(b) - holds(a),
    a.holder === b.holder ? 0 : byFirst(byText(a.configVersion, b.configVersion), byText(a.holder, b.holder)),
    b.weight - a.weight,
    a.portIndex - b.portIndex,
    byText(a.key, b.key),
  );
}
