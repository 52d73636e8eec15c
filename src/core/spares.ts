import type { AppId } from './app.ts';
import type { Origin } from './problem.ts';
import type { Backend, BackendName, CheckKind, CheckTimeoutClass, Profile } from './routing.ts';
import type { Tier } from './runtime.ts';
import { profileName } from './template-views.ts';

/**
 * A backend of the running configuration that belongs to no app yet: below 3.4 HAProxy cannot be given a new backend, so a new
 * app's servers and rows go to one of these (haproxy-runtime 4.2).
 */
export interface Spare {
  readonly name: BackendName;
  readonly profile: Profile;
}

/** What a configuration holds ready for apps that come while it runs: a backend or, on tier A, a profile to make one from. */
export type Reserve = Spare | { readonly name?: never; readonly profile: Profile };

/** Those of them that are backends. */
export const sparesAmong = (reserves: readonly Reserve[]): readonly Spare[] =>
  reserves.filter((reserve) => reserve.name !== undefined);

/** How many spares of a kind the configuration holds; an empty backend costs HAProxy 2.6 12 kB. */
export interface SpareSizes {
  readonly http: number;
  /** HTTP with a cookie. */
  readonly sticky: number;
  readonly tcp: number;
}

/** What a spare is held ready for, as in `--spare-http`. */
export type SpareKind = keyof SpareSizes;

/** 3.6 MB on 2.6. */
export const SPARE_SIZES: SpareSizes = { http: 200, sticky: 50, tcp: 50 };

type Split = readonly (readonly [check: CheckKind, checkTimeout: CheckTimeoutClass, share: number])[];

/**
 * Marathon's own check timeout is 20 s, so that class carries nearly everybody. There are none without check, as an unchecked
 * server may be in any backend, and none for HTTPS, as that is a word of the server.
 */
const SPLITS: Readonly<Record<SpareKind, Split>> = {
  http: [
    ['http', 20, 0.65],
    ['http', 60, 0.1],
    ['tcp', 20, 0.2],
    ['tcp', 60, 0.05],
  ],
  sticky: [
    ['http', 20, 0.5],
    ['http', 60, 0.1],
    ['tcp', 20, 0.4],
  ],
  tcp: [
    ['tcp', 20, 0.8],
    ['tcp', 60, 0.2],
  ],
};

const CHECK_TIMEOUTS: readonly CheckTimeoutClass[] = [2, 5, 10, 20, 60];

const checkedBy = (
  of: Pick<Profile, 'mode' | 'balance' | 'sticky'>,
  checks: readonly CheckKind[],
): readonly Profile[] =>
  checks.flatMap((check) => CHECK_TIMEOUTS.map((checkTimeout) => ({ ...of, check, checkTimeout })));

/**
 * All that apps with one of the usual balances can have. Each costs HAProxy 3.4 about 10 kB, and 70 µs whenever it reads the
 * configuration; a profile with another balance is there from the first reload on that brings an app which has it.
 */
const READY_PROFILES: readonly Reserve[] = (['roundrobin', 'leastconn'] as const)
  .flatMap((balance): readonly Profile[] => [
    { mode: 'http', balance, sticky: false, check: 'none', checkTimeout: 2 },
    ...checkedBy({ mode: 'http', balance, sticky: false }, ['tcp', 'http', 'https']),
    // A sticky backend is always checked.
    ...checkedBy({ mode: 'http', balance, sticky: true }, ['tcp', 'http', 'https']),
    { mode: 'tcp', balance, sticky: false, check: 'none', checkTimeout: 2 },
    ...checkedBy({ mode: 'tcp', balance, sticky: false }, ['tcp']),
  ])
  .map((profile) => ({ profile }));

/**
 * What a configuration for this HAProxy should hold ready, in a fixed order: profiles where a backend can be made from one (tier A),
 * else spares. Nothing where nothing can be put into them (tier D).
 */
export function createSpares(sizes: SpareSizes, tier: Tier): readonly Reserve[] {
  if (tier === 'D') return [];
  if (tier === 'A') return READY_PROFILES;
  return (['http', 'sticky', 'tcp'] as const).flatMap((kind) => {
    const profiles = SPLITS[kind].flatMap(([check, checkTimeout], part) => {
      return Array<Profile>(shareOf(SPLITS[kind], part, sizes[kind])).fill(profileOf(kind, check, checkTimeout));
    });
    return profiles.map((profile, index) => ({ name: spareName(kind, index + 1), profile }));
  });
}

/** How many of `total` a part of a split gets; the parts add up to it. */
function shareOf(split: Split, part: number, total: number): number {
  const upTo = (end: number): number => {
    if (end === split.length) return total;
    return Math.round(total * split.slice(0, end).reduce((sum, [, , share]) => sum + share, 0));
  };
  return upTo(part + 1) - upTo(part);
}

const PREFIX = 'portolan_spare_';

/** `portolan_spare_http-7`. An app's backend ends in an underscore and a port, so this name is never one's. */
const spareName = (kind: SpareKind, number: number): BackendName => `${PREFIX}${kind}-${number}` as BackendName;

/** Whether a backend of the running configuration is a spare. */
export const isSpareName = (name: string): name is BackendName => name.startsWith(PREFIX) && /-\d+$/.test(name);

/** The kind of a spare, by its profile. */
export const kindOfSpare = ({ profile: { mode, sticky } }: Spare): SpareKind =>
  mode === 'tcp' ? 'tcp' : sticky ? 'sticky' : 'http';

/** The spare of a configuration that was read back, by the names of its section and of the profile that it builds on. */
export function spareOf(name: BackendName, profile: string): Spare | undefined {
  const kinds: readonly SpareKind[] = ['http', 'sticky', 'tcp'];
  const known = kinds.flatMap((kind) =>
    SPLITS[kind].map(([check, checkTimeout]) => profileOf(kind, check, checkTimeout)),
  );
  const found = known.find((candidate) => profileName(candidate) === profile);
  return found === undefined ? undefined : { name, profile: found };
}

const profileOf = (kind: SpareKind, check: CheckKind, checkTimeout: CheckTimeoutClass): Profile => ({
  mode: kind === 'tcp' ? 'tcp' : 'http',
  balance: 'roundrobin',
  sticky: kind === 'sticky',
  check,
  checkTimeout,
});

/**
 * Whether a spare can stand in for a backend of that profile. A server without check goes anywhere; the spare's check timeout
 * may be the longer one. `computesCookies`: as the templates have it (`Shapes`).
 */
export function fitsSpare(
  spare: Profile,
  wanted: Profile,
  tier: Tier,
  { computesCookies }: { computesCookies(profile: Profile): boolean },
): boolean {
  if (tier === 'D' || (tier === 'C' && wanted.sticky && !computesCookies(spare))) return false;
  const check = wanted.check === 'https' ? 'http' : wanted.check;
  return (
    spare.mode === wanted.mode &&
    spare.balance === wanted.balance &&
    spare.sticky === wanted.sticky &&
    (check === 'none' || (check === spare.check && spare.checkTimeout >= wanted.checkTimeout))
  );
}

const DEFAULT: Origin = { from: 'default' };
const DEFAULTS = { mode: DEFAULT, balance: DEFAULT, sticky: DEFAULT, check: DEFAULT, checkTimeout: DEFAULT };

/** A backend of that profile, for asking what the templates make of it. */
export const profileBackend = (profile: Profile): Backend => bareBackend({ name: 'profile' as BackendName, profile });

/** A backend that is nothing but a name and a profile. */
export function bareBackend({ name, profile }: Spare): Backend {
  return {
    name,
    // No app has this id: it is not one.
    app: '' as AppId,
    portIndex: 0,
    profile,
    profileOrigins: DEFAULTS,
    checkPath: '/',
    servers: [],
    origin: DEFAULT,
  };
}
