import type { Clock } from '../core/ports.ts';
import type { WantedVersion } from '../core/snapshot.ts';
import { createAlarms } from './alarms.ts';
import { judgeDefinition } from './answers.ts';
import { asText } from './body-reader.ts';
import { startDeadline } from './deadline.ts';
import { inParallel } from './in-parallel.ts';
import type { MarathonHttp } from './marathon-http.ts';
import { appPath } from './paths.ts';

/** Definitions of older versions of apps, which tasks of an upgrade still run. They never change. */
export interface Definitions {
  /** Gets what is not yet known. Failures and a deadline only leave gaps, which the next call fills. */
  load(wanted: readonly WantedVersion[], signal: AbortSignal): Promise<void>;
  /** The raw definition, if it is known. */
  get(app: string, version: string): unknown;
}

const KEPT = 2_000;
const WIDTH = 4;
/** Marathon forgets old versions and does not find them again; it is asked again after this time, just in case. */
const GONE_FOR_MS = 600_000;

/** Makes an empty store, bounded: the ones that nobody wanted for longest leave first. */
export function createDefinitions(http: MarathonHttp, clock: Clock, deadlineMs: number): Definitions {
  const known = new Map<string, unknown>();
  const goneAt = new Map<string, number>();
  const keyOf = (app: string, version: string) => `${app} ${version}`;

  const isMissing = ({ app, version }: WantedVersion) => {
    const key = keyOf(app, version);
    const gone = goneAt.get(key);
    return !known.has(key) && (gone === undefined || clock.now() - gone > GONE_FOR_MS);
  };

  return {
    async load(wanted, signal) {
      for (const { app, version } of wanted) touch(known, keyOf(app, version));
      const missing = wanted.filter(isMissing);
      if (missing.length === 0) return;
      const alarms = createAlarms(clock);
      const deadline = startDeadline(alarms, deadlineMs, signal);
      await inParallel(missing, WIDTH, async ({ app, version }) => {
        if (deadline.signal.aborted) return;
        const path = `${appPath(app)}/versions/${encodeURIComponent(version)}`;
        const answer = await http.get('versions', path, asText(judgeDefinition), deadline.signal);
        if (!answer.ok) return;
        if (answer.value === undefined) remember(goneAt, keyOf(app, version), clock.now());
        else remember(known, keyOf(app, version), answer.value);
      });
      deadline.stop();
      alarms.close();
    },
    get: (app, version) => known.get(keyOf(app, version)),
  };
}

function remember<T>(store: Map<string, T>, key: string, value: T): void {
  store.set(key, value);
  const [oldest] = store.keys();
  if (store.size > KEPT && oldest !== undefined) store.delete(oldest);
}

function touch<T>(store: Map<string, T>, key: string): void {
  const value = store.get(key);
  if (value === undefined) return;
  store.delete(key);
  store.set(key, value);
}
