import type { AppId } from '../core/app.ts';
import { type ClaimConflict, conflictsWith, type PeerAnswer } from '../core/peer.ts';
import type { PassDeps } from './pass.ts';

/** What other edges serve, held against what this one does: a difference is told, and nothing else is done about it. */
export interface PeersCompared {
  tend(signal: AbortSignal): Promise<void>;
}

type Parts = Pick<PassDeps, 'peers' | 'clock' | 'emit'> & {
  readonly claims: () => ReadonlyMap<string, AppId>;
};

/** Two edges see a change at different times: a difference that is gone after this long was none. */
const CONFIRM_MS = 2_000;
/** While edges disagree they are asked this often (ms), so many times: the alarm ends soon after its reason. */
const FOLLOW = { everyMs: 5_000, times: 6 };

/** Asked nobody yet. */
export function createPeersCompared({ peers, clock, emit, claims }: Parts): PeersCompared {
  let told = '';

  async function look(signal: AbortSignal): Promise<Look> {
    const answers = await peers.claims(signal);
    return { answers, conflicts: conflictsWith(claims(), answers) };
  }

  /** Differences that are there twice. */
  async function lookTwice(signal: AbortSignal): Promise<Look> {
    const first = await look(signal);
    if (first.conflicts.length === 0) return first;
    await clock.sleep(CONFIRM_MS, signal);
    const second = await look(signal);
    const before = new Set(first.conflicts.map(textOf));
    return { ...second, conflicts: second.conflicts.filter((conflict) => before.has(textOf(conflict))) };
  }

  function tell({ answers, conflicts }: Look): void {
    const at = clock.now();
    const seen = answers.map(({ url, claims: said, detail }) => ({
      url,
      reachable: said !== undefined,
      at,
      ...(detail === undefined ? {} : { detail }),
    }));
    const says = JSON.stringify([seen.map(({ url, reachable }) => [url, reachable]), conflicts]);
    if (says === told) return;
    told = says;
    emit({ type: 'peers-seen', peers: seen, conflicts });
  }

  return {
    async tend(signal) {
      for (let n = 0; n <= FOLLOW.times && !signal.aborted; n += 1) {
        const found = await lookTwice(signal);
        if (signal.aborted || found.answers.length === 0) return;
        tell(found);
        if (found.conflicts.length === 0) return;
        await clock.sleep(FOLLOW.everyMs, signal);
      }
    },
  };
}

interface Look {
  readonly answers: readonly PeerAnswer[];
  readonly conflicts: readonly ClaimConflict[];
}

const textOf = ({ key, here, there, peer }: ClaimConflict): string => [key, here, there, peer].join('\n');
