import type { App, AppId, Instant, Snapshot } from '../core/app.ts';
import { forgottenHealth } from '../core/forgotten-health.ts';
import type { Checked } from '../core/problem.ts';
import type { Served } from '../core/served.ts';
import { joinScopes, type Scope } from './hints.ts';
import type { Keeper } from './keeper.ts';
import { createKeptTrust } from './kept-trust.ts';
import type { PassDeps } from './pass.ts';

/** The newest answer of the source that is believed, kept while it cannot be asked. */
export interface KeptSnapshot extends Keeper {
  /** Fetches what was hinted, everything the first time; gives back what could not be had. */
  fetch(scope: Scope, signal: AbortSignal): Promise<Scope>;
  /** Looks at what was fetched, knowing what runs. Undefined before the first answer, and while the first ones are not believed. */
  judge(signal: AbortSignal): Checked<Snapshot> | undefined;
  /** When the next answer comes, where the first ones are not believed. */
  waits(): Instant | undefined;
  /** Events call these apps destroyed. */
  removed(apps: readonly AppId[]): void;
  /** An operator believes what is held. False: nothing is. */
  accept(): boolean;
}

type Parts = Pick<PassDeps, 'source' | 'clock' | 'emit' | 'settings'> & { readonly served: () => Served | undefined };

/** No answer yet. `served`: what runs, where that is known. */
export function createKeptSnapshot(parts: Parts): KeptSnapshot {
  const { source, clock, emit } = parts;
  const trust = createKeptTrust(parts);
  let answered = false;
  /** An answer that nobody was told of. */
  let untold: { readonly scope: Scope; readonly ms: number; readonly snapshot: Snapshot } | undefined;
  let believed = false;
  /** The apps of the last full answer. */
  let listed: readonly App[] = [];

  async function fetch(hinted: Scope, signal: AbortSignal): Promise<Scope> {
    const scope = answered ? joinScopes(hinted, trust.wants()) : 'all';
    if (scope !== 'all' && scope.length === 0) return scope;
    const startedAt = clock.now();
    const taken = await source.snapshot(scope, signal);
    if (scope === 'all') trust.asked();
    if (!taken.ok) {
      if (!signal.aborted) emit({ type: 'snapshot-failed', failure: taken.failure });
      return scope;
    }
    answered = true;
    trust.hear(taken.value, scope);
    untold = { scope, ms: clock.now() - startedAt, snapshot: taken.value.value };
    return [];
  }

  function judge(signal: AbortSignal): Checked<Snapshot> | undefined {
    const snapshot = trust.judge(signal);
    believed = snapshot !== undefined;
    if (untold !== undefined) {
      const { scope, ms } = untold;
      emit({ type: 'snapshot-taken', snapshot: snapshot?.value ?? untold.snapshot, scope, ms });
      if (scope === 'all') tellForgotten(untold.snapshot.apps);
      untold = undefined;
    }
    return snapshot;
  }

  /** Told once: until results are back, there are none that the next answer could lack. */
  function tellForgotten(apps: readonly App[]): void {
    const forgotten = forgottenHealth(listed, apps);
    listed = apps;
    if (forgotten !== undefined) emit({ type: 'health-forgotten', ...forgotten });
  }

  const { wake, removed, accept } = trust;
  return { fetch, judge, wake, removed, accept, waits: () => (answered && !believed ? wake()?.at : undefined) };
}
