import type { AppId, Instant, Version } from '../core/app.ts';
import { type ClaimAge, carriesClaim, oldestHolder } from '../core/claim-age.ts';
import type { OpenName, Rival } from '../core/contest.ts';
import { byText } from '../core/order.ts';
import { holderByPeers, type PeerAnswer } from '../core/peer.ts';
import type { PassDeps } from './pass.ts';

/** Owners of names that several ask for and nobody holds. */
export interface OwnersSought {
  /** Finds out who had these first, beside the passes; anything may be asked for again and again. */
  seek(open: readonly OpenName[]): void;
  /** What was found of these: the name as its owner spells it, and the owner. */
  take(open: readonly OpenName[]): ReadonlyMap<string, AppId>;
  /** The oldest configuration of each, without asking anybody. */
  guess(open: readonly OpenName[]): ReadonlyMap<string, AppId>;
  /** Something was found that no pass has taken, or it is time to look again. */
  isDue(): boolean;
  /** When that is. */
  wake(): Instant | undefined;
}

type Parts = Pick<PassDeps, 'source' | 'peers' | 'clock' | 'emit' | 'settings'>;

/** Names looked into at one time; the others follow. Each takes a few requests for each app. */
const AT_ONCE = 16;
/** What was found is not asked again for so long (ms): a pass may be planned several times. */
const FOUND_FOR_MS = 30_000;
/** Pauses between two searches that found nothing, ms. */
const AGAIN_MS = { least: 1_000, most: 30_000 };

/**
 * Asks the peers first: two edges must not give one name to two apps. Whoever most of them name has it; what they do not know
 * goes to the app of which the oldest version asks for it, then to the first by id.
 */
export function createOwnersSought({ source, peers, clock, emit, settings }: Parts): OwnersSought {
  /** Names that have an owner, by their rivals. */
  const owners = new Map<string, { readonly holder: AppId; readonly at: Instant }>();
  let wanted: readonly OpenName[] = [];
  let busy = false;
  let untaken = false;
  let pauseMs = 0;
  let againAt: Instant | undefined;

  function found(name: OpenName, holder: AppId): void {
    for (const [key, { at }] of owners) if (clock.now() - at > FOUND_FOR_MS) owners.delete(key);
    owners.set(keyOf(name), { holder, at: clock.now() });
  }

  function ownerOf(name: OpenName): AppId | undefined {
    const owner = owners.get(keyOf(name));
    return owner === undefined || clock.now() - owner.at > FOUND_FOR_MS ? undefined : owner.holder;
  }

  async function byPeers(names: readonly OpenName[], signal: AbortSignal): Promise<void> {
    const answers: readonly PeerAnswer[] = await peers.claims(signal);
    let count = 0;
    for (const name of names) {
      const holder = holderByPeers(name.rivals, answers);
      if (holder === undefined) continue;
      found(name, holder);
      count += 1;
    }
    if (count > 0) emit({ type: 'claims-taken', from: 'peers', count });
  }

  /** Undefined where the source does not tell now. */
  async function ageOf({ key, holder, app, configVersion }: Rival, signal: AbortSignal): Promise<ClaimAge | undefined> {
    if (source.earliest === undefined) return { holder, since: configVersion };
    const found = await source.earliest(app, (definition) => carriesClaim(definition, key, settings), signal);
    if (found === undefined) return undefined;
    return { holder, since: found === 'none' ? configVersion : earlier(found, configVersion) };
  }

  async function byVersions(names: readonly OpenName[], signal: AbortSignal): Promise<void> {
    let count = 0;
    for (const name of names) {
      const ages = await Promise.all(name.rivals.map((rival) => ageOf(rival, signal)));
      const known = ages.filter((age) => age !== undefined);
      const holder = known.length === ages.length ? oldestHolder(known) : undefined;
      if (holder === undefined) continue;
      found(name, holder);
      count += 1;
    }
    if (count > 0) emit({ type: 'claims-taken', from: 'versions', count });
  }

  const unknown = (): readonly OpenName[] => wanted.filter((name) => ownerOf(name) === undefined).slice(0, AT_ONCE);

  async function search(): Promise<void> {
    // Its requests have their own deadlines, and end with their connections.
    const { signal } = new AbortController();
    const missing = unknown();
    pauseMs = Math.min(AGAIN_MS.most, Math.max(AGAIN_MS.least, 2 * pauseMs));
    againAt = (clock.now() + pauseMs) as Instant;
    await byPeers(missing, signal);
    await byVersions(unknown(), signal);
    untaken = missing.some((name) => ownerOf(name) !== undefined);
    if (untaken) pauseMs = 0;
    againAt = (clock.now() + pauseMs) as Instant;
  }

  return {
    seek(open) {
      wanted = open;
      if (open.length === 0) {
        untaken = false;
        againAt = undefined;
        pauseMs = 0;
        return;
      }
      if (busy || untaken || (againAt !== undefined && clock.now() < againAt)) return;
      busy = true;
      const ended = (): void => {
        busy = false;
      };
      void search().then(ended, ended);
    },
    take(open) {
      untaken = false;
      return claimed(open, ownerOf);
    },
    guess: (open) => claimed(open, ({ rivals }) => oldestHolder(rivals.map(ageByConfig))),
    isDue: () => untaken || (wanted.length > 0 && !busy && againAt !== undefined && clock.now() >= againAt),
    wake: () => (busy || wanted.length === 0 ? undefined : againAt),
  };
}

const ageByConfig = ({ holder, configVersion }: Rival): ClaimAge => ({ holder, since: configVersion });
const earlier = (a: Version, b: Version): Version => (byText(a, b) <= 0 ? a : b);

/** The same names with the same rivals give the same text. */
const keyOf = ({ rivals }: OpenName): string =>
  rivals
    .map(({ key, holder, configVersion }) => `${key} ${holder} ${configVersion}`)
    .sort()
    .join('\n');

/** Each name as its owner spells it, with the owner. */
function claimed(
  open: readonly OpenName[],
  ownerOf: (name: OpenName) => AppId | undefined,
): ReadonlyMap<string, AppId> {
  return new Map(
    open.flatMap((name) => {
      const owner = ownerOf(name);
      return name.rivals.flatMap(({ key, holder }) => (holder === owner ? [[key, holder] as const] : []));
    }),
  );
}
