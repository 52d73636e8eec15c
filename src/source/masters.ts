import type { Clock } from '../core/ports.ts';
import { rememberedLast } from '../core/remembered.ts';

/** A configured Marathon master. */
export interface Master {
  /** Base URL as shown to people: origin and prefix, without credentials. */
  readonly endpoint: string;
  readonly origin: string;
  /** Path below which Marathon answers, without trailing slash; mostly empty. */
  readonly prefix: string;
}

/** The masters and what recent requests taught about them. None is ever marked down for good. */
export interface Masters {
  /** All of them, the most promising one first. */
  order(): readonly Master[];
  /** The configured master at the URL's scheme, host and port, if there is one. */
  at(url: URL): Master | undefined;
  /** It answered; `leader` is its `X-Marathon-Leader`, if it sent one. */
  worked(master: Master, leader: string | undefined): void;
  /** It did not answer. */
  failed(master: Master): void;
}

/** How long a leader that did not answer us is not put first on another master's word. */
const LEADER_PENALTY_MS = 60_000;

/** Reads the base URLs. Unparsable ones are left out: the settings were checked before. */
export function createMasters(baseUrls: readonly string[], clock: Clock): Masters {
  const masters = baseUrls.flatMap(parseMaster);
  const failedAt = new Map<Master, number>();
  let first: Master | undefined;

  /** Each answer names the leader, mostly the same one. */
  const named = rememberedLast((leader: string) => (URL.canParse(leader) ? at(new URL(leader)) : undefined));
  const at = (url: URL) => masters.find((master) => master.origin === url.origin);

  return {
    order() {
      const start = first === undefined ? 0 : masters.indexOf(first);
      return [...masters.slice(start), ...masters.slice(0, start)];
    },
    at,
    worked(master, leader) {
      failedAt.delete(master);
      const leading = leader === undefined ? undefined : named(leader);
      const lastFailure = leading === undefined ? undefined : failedAt.get(leading);
      const leaderAnswers = lastFailure === undefined || clock.now() - lastFailure > LEADER_PENALTY_MS;
      first = leading !== undefined && leaderAnswers ? leading : master;
    },
    failed(master) {
      failedAt.set(master, clock.now());
      if (first === master) first = masters[(masters.indexOf(master) + 1) % masters.length];
    },
  };
}

function parseMaster(base: string): Master[] {
  if (!URL.canParse(base)) return [];
  const url = new URL(base);
  const prefix = url.pathname.replace(/\/+$/, '');
  return [{ endpoint: `${url.origin}${prefix}`, origin: url.origin, prefix }];
}

/** Where a redirect leads, or why it is not followed. */
export type Hop =
  | { readonly follow: true; readonly master: Master; readonly url: string }
  | { readonly follow: false; readonly target: string };

/**
 * Reads the `Location` of an answer to `from`. Only a configured host gets a request: it will get our credentials.
 * Marathon's own redirects do not know the path prefix that a proxy put in front of the leader; it is added.
 */
export function followRedirect(masters: Masters, from: string, location: string | undefined): Hop {
  if (location === undefined || !URL.canParse(location, from)) return { follow: false, target: location ?? 'nowhere' };
  const target = new URL(location, from);
  const master = masters.at(target);
  if (master === undefined) return { follow: false, target: `${target.origin}${target.pathname}` };
  const path = target.pathname.startsWith(`${master.prefix}/`) ? target.pathname : master.prefix + target.pathname;
  return { follow: true, master, url: `${master.origin}${path}${target.search}` };
}
