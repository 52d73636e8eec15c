import type { Instant } from '../core/app.ts';
import type { Clock } from '../core/ports.ts';
import type { Timings } from './timings.ts';

/** Has the disk follow the socket, some time after a change, and again and again while it cannot. */
export interface Following {
  /** Something has changed. */
  soon(signal: AbortSignal): void;
}

interface Parts {
  readonly clock: Clock;
  readonly timings: Pick<Timings, 'followMs' | 'followMaxMs' | 'followAgainMs'>;
  /** Follows. True: it could not, and should be asked again. */
  readonly follow: () => Promise<boolean>;
}

/** Nothing is to be followed yet. */
export function createFollowing({ clock, timings, follow }: Parts): Following {
  let waiting = false;
  let last: Instant | undefined;
  /** In a row. */
  let failures = 0;

  /** At once for those who look, but not more often than it can be told apart; ever more rarely while it fails. */
  function pause(): number {
    if (failures > 0) return Math.min(timings.followMaxMs * 2 ** (failures - 1), timings.followAgainMs);
    const sinceLast = last === undefined ? timings.followMaxMs : clock.now() - last;
    return Math.max(timings.followMs, timings.followMaxMs - sinceLast);
  }

  function soon(signal: AbortSignal): void {
    if (waiting || signal.aborted) return;
    waiting = true;
    void clock.sleep(pause(), signal).then(async () => {
      waiting = false;
      last = clock.now();
      const again = await follow();
      failures = again ? failures + 1 : 0;
      if (again) soon(signal);
    });
  }

  return { soon };
}
