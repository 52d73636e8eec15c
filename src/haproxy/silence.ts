import type { Generation } from '../core/config.ts';
import type { HaproxyContext } from './context.ts';
import { probeListeners } from './listener-probe.ts';

/** What a HAProxy is that exists and answers on no socket. */
export type Silent =
  /** It takes connections: whatever is wrong with its sockets, requests are served. */
  | 'serves'
  /** It takes none, or that cannot be told. */
  | 'silent'
  /** It has taken none for so long that nothing is lost with it. */
  | 'lost';

/**
 * Judges silence. Ending a HAProxy that only seems to hang would be the worst outage of all: neither silent sockets nor silent
 * listeners suffice, it takes both, without a break.
 */
export interface Silence {
  /** It answered. */
  broken(): void;
  /** It did not; `generation` is what it was last seen to run. */
  judge(generation: Generation | undefined): Promise<Silent>;
}

/** A HAProxy that is ended twice within this long is given more time. */
const AGAIN_MS = 600_000;

/** Nothing was silent yet. */
export function createSilence(context: HaproxyContext): Silence {
  const { clock, timings, generations, ended } = context;
  let since: number | undefined;
  let lostAt: number | undefined;

  async function judge(generation: Generation | undefined): Promise<Silent> {
    const from = since ?? clock.now();
    const config = generation === undefined ? undefined : await generations.config(generation);
    const listens = config?.ok === true ? await probeListeners(config.value, clock, ended) : 'unknown';
    if (listens !== 'left') {
      since = undefined;
      return listens === 'taken' ? 'serves' : 'silent';
    }
    since = from;
    const again = lostAt !== undefined && clock.now() - lostAt < AGAIN_MS;
    if (clock.now() - from < (again ? timings.silentUntilKilledAgain : timings.silentUntilKilled)) return 'silent';
    since = undefined;
    lostAt = clock.now();
    return 'lost';
  }

  return {
    broken: () => {
      since = undefined;
    },
    judge,
  };
}
