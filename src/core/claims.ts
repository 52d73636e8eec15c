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
  /** Claims that nobody holds, with who else may have had them before. */
  readonly open: readonly { readonly claim: Claim<W>; readonly rivals: readonly Claim<W>[] }[];
}

/**
 * What becomes of a name that several ask for and nobody holds: the one with the oldest configuration gets it, or nobody does until
 * it is known who had it first. Only a node that can find that out may wait for it.
 */
export type WhenOpen = 'oldest' | 'nobody';

/** Whether two that are wanted cannot both be had. */
export type Conflict<W> = (a: W, b: W) => boolean;

/** What became of the buckets that a change of claims touched. */
export interface Resettled<W> {
  readonly granted: Difference<Claim<W>>;
  readonly lost: Difference<Settlement<W>['lost'][number]>;
  readonly open: Difference<Settlement<W>['open'][number]>;
}

/** All claims of one kind, settled anew where they change. */
export interface ClaimBook<W> {
  /**
   * Takes claims out and in. `held`: who holds what, by key. A bucket that no change touches is not looked at: the claims
   * that it was settled with must then be held as it was settled.
   */
  change(claims: Difference<Claim<W>>, held: ReadonlyMap<string, AppId>): Resettled<W>;
  isGranted(claim: Claim<W>): boolean;
  /** Buckets in which something is open. */
  open(): Iterable<Settlement<W>['open']>;
}

const NONE: Settlement<never> = { granted: [], lost: [], open: [] };

/** A book without claims. */
export function createClaimBook<W>(conflict: Conflict<W>, whenOpen: WhenOpen = 'oldest'): ClaimBook<W> {
  const buckets = new Map<string, Settlement<W>>();
  const opened = new Map<string, Settlement<W>['open']>();
  const granted = new Set<Claim<W>>();
  return {
    change({ gone, came }, held) {
      const left = new Set(gone);
      const before: Settlement<W>[] = [];
      const after: Settlement<W>[] = [];
      const added = Map.groupBy(came, ({ bucket }) => bucket);
      for (const bucket of new Set([...gone.map((claim) => claim.bucket), ...added.keys()])) {
        const was = buckets.get(bucket) ?? NONE;
        const stay = allOf(was).filter((claim) => !left.has(claim));
        const claims = [...stay, ...(added.get(bucket) ?? [])];
        const now = settleClaims(claims, conflict, held, whenOpen);
        if (now.open.length > 0) opened.set(bucket, now.open);
        else opened.delete(bucket);
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
        open: { gone: before.flatMap((one) => one.open), came: after.flatMap((one) => one.open) },
      };
    },
    isGranted: (claim) => granted.has(claim),
    open: () => opened.values(),
  };
}

/** Open claims are granted too where the oldest gets them. */
const allOf = <W>({ granted, lost, open }: Settlement<W>): readonly Claim<W>[] => [
  ...new Set([...granted, ...lost.map(({ claim }) => claim), ...open.map(({ claim }) => claim)]),
];

/**
 * Settles the claims of one bucket. Whoever holds one keeps it while it still wants it; else the one with the oldest
 * configuration gets it, then the first by id. So a newcomer never takes anything away, and the loser is served as soon as the
 * owner leaves.
 */
export function settleClaims<W>(
  claims: readonly Claim<W>[],
  conflict: Conflict<W>,
  held: ReadonlyMap<string, AppId>,
  whenOpen: WhenOpen = 'oldest',
): Settlement<W> {
  if (claims.length <= 1) return { granted: claims, lost: [], open: [] };
  const granted: Claim<W>[] = [];
  const lost: { claim: Claim<W>; owner: Claim<W> }[] = [];
  const open: { claim: Claim<W>; rivals: readonly Claim<W>[] }[] = [];
  const sorted = claims.toSorted((a, b) => precedence(a, b, held));
  const keepers = sorted.filter(({ key, holder }) => held.get(key) === holder);
  /** Nobody holds it, and nobody who holds something is in its way. */
  const isFree = (claim: Claim<W>): boolean =>
    !keepers.some((keeper) => keeper === claim || conflict(keeper.wants, claim.wants));
  for (const claim of sorted) {
    const rivals = isFree(claim)
      ? claims.filter((other) => other.holder !== claim.holder && conflict(other.wants, claim.wants) && isFree(other))
      : [];
    const owner = granted.find((winner) => conflict(winner.wants, claim.wants));
    if (rivals.length > 0) open.push({ claim, rivals });
    if (owner !== undefined) lost.push({ claim, owner });
    else if (rivals.length === 0 || whenOpen === 'oldest') granted.push(claim);
  }
  return { granted, lost, open };
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
