import { setImmediate } from 'node:timers/promises';
import type { App, AppId, Instant, Snapshot } from '../core/app.ts';
import { keepApp } from '../core/identity.ts';
import type { ChangeHint, Clock, Source, SourceFailure } from '../core/ports.ts';
import { appOf, type Checked } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { type Lookups, parseApp, type WantedVersion, wantedHosts, wantedVersions } from '../core/snapshot.ts';
import type { Announced } from './announced.ts';
import { judgeApp } from './answers.ts';
import { readApps } from './apps-body.ts';
import { NO_MEMORY } from './apps-memory.ts';
import { asText } from './body-reader.ts';
import { createDefinitions } from './definitions.ts';
import { inParallel } from './in-parallel.ts';
import type { MarathonHttp } from './marathon-http.ts';
import type { NameResolver } from './names.ts';
import type { OutOfTouch } from './out-of-touch.ts';
import { APPS_PATH, appWithTasksPath } from './paths.ts';
import { createReadied } from './readied.ts';
import { createReadinessWatch } from './readiness-watch.ts';
import type { MarathonTimings } from './timings.ts';

/** What reading snapshots touches. */
export interface ReaderParts {
  readonly http: MarathonHttp;
  readonly clock: Clock;
  readonly names: NameResolver;
  readonly timings: MarathonTimings;
  readonly hint: (scope: ChangeHint['scope'], reason: string) => void;
  /** Is told of every read that ended well. */
  readonly announced: Pick<Announced, 'readAll' | 'readSome'>;
  readonly outOfTouch: Pick<OutOfTouch, 'serving'>;
}

/** Reads apps, and knows what it read last. */
export interface MarathonReader extends Pick<Source, 'snapshot'> {
  last(): Snapshot | undefined;
  /** An app as it was read last. */
  app(id: AppId): App | undefined;
}

type Read = Result<Checked<Snapshot>, SourceFailure>;

/** Apps read one by one at the same time. */
const WIDTH = 4;

/** Makes the reader; it remembers the last answer, into which single apps are merged. */
export function createMarathonReader({
  http,
  clock,
  names,
  timings,
  hint,
  announced,
  outOfTouch,
}: ReaderParts): MarathonReader {
  const definitions = createDefinitions(http, clock, timings.definitions);
  const lookups: Lookups = { definition: definitions.get, address: names.address };
  const watch = createReadinessWatch({ clock, timings, hint });
  const readied = createReadied(http);
  let last: Checked<Snapshot> | undefined;
  let memory = NO_MEMORY;

  /** Gets what apps refer to: older definitions and the addresses of agents. Gaps are allowed. */
  const prepare = (versions: readonly WantedVersion[], hosts: readonly string[], signal: AbortSignal) =>
    Promise.all([definitions.load(versions, signal), names.resolve(hosts, signal)]);

  async function readAll(signal: AbortSignal): Promise<Read> {
    const [before, startedAt] = [last?.value, clock.now()];
    const read = await http.get('apps', APPS_PATH, readApps(lookups, before, memory), signal);
    if (!read.ok) return read;
    memory = read.value.memory;
    await prepare(read.value.versions, read.value.hosts, signal);
    const listed = await read.value.finish(clock.now());
    // Each looks at all apps, and has a turn of the event loop for it.
    await setImmediate();
    last = await completed(listed, listed.value.apps, before, signal);
    const { apps } = last.value;
    await setImmediate();
    announced.readAll(before, last.value, startedAt);
    await setImmediate();
    watch.seenAll(apps);
    return ok(last);
  }

  /** With what the list does not tell of those that were asked for: tasks that serve on, and tasks that need not wait. */
  async function completed(
    listed: Checked<Snapshot>,
    asked: readonly App[],
    before: Snapshot | undefined,
    signal: AbortSignal,
  ): Promise<Checked<Snapshot>> {
    const appBefore = (id: AppId) => appIn(before?.apps ?? [], id);
    const serving = outOfTouch.serving(asked, appBefore, listed.value.apps);
    const ready = await readied(
      serving.size === 0 ? asked : asked.map((app) => serving.get(app.id) ?? app),
      appBefore,
      signal,
    );
    const others = new Map([...serving, ...ready]);
    if (others.size === 0) return listed;
    const apps = listed.value.apps.map((app) => others.get(app.id) ?? app);
    return { ...listed, value: { ...listed.value, apps } };
  }

  async function readSome(scope: readonly AppId[], before: Checked<Snapshot>, signal: AbortSignal): Promise<Read> {
    const ids = [...new Set(scope)];
    const startedAt = clock.now();
    const answers = await inParallel(ids, WIDTH, async (id) => ({
      id,
      answer: await http.get('app', appWithTasksPath(id), asText(judgeApp(id)), signal),
    }));
    const read = answers.flatMap(({ id, answer }) => (answer.ok ? [{ id, ...answer.value }] : []));
    const failed = answers.flatMap(({ id, answer }) => (answer.ok ? [] : [{ id, failure: answer.failure }]));
    const [first] = failed;
    if (first !== undefined && (read.length === 0 || signal.aborted)) return fail(first.failure);
    // One app that Marathon cannot assemble must not hold up the others: it stays as it was and is looked at again.
    if (failed.length > 0) void hintLater(failed.map(({ id }) => id));
    const apps = read.flatMap((answer) => (answer.gone ? [] : [answer.app]));
    await prepare(wantedVersions(apps), wantedHosts(apps), signal);
    const asked = read.map(({ id }) => id);
    const there = ({ value }: Checked<Snapshot>) => asked.flatMap((id) => appIn(value.apps, id) ?? []);
    const merged = merge(before, read, clock.now());
    const now = await completed(merged, there(merged), before.value, signal);
    last = now;
    announced.readSome(asked, startedAt);
    watch.seen(asked, there(now));
    return ok(now);
  }

  /** The snapshot with these apps as they were read. Costs what they cost, and a copy of the list. */
  function merge(
    { value, problems }: Checked<Snapshot>,
    read: readonly AppRead[],
    takenAt: Instant,
  ): Checked<Snapshot> {
    const apps = [...value.apps];
    const touched = new Set(read.map(({ id }) => id));
    const after = problems.filter((problem) => !touched.has(appOf(problem.origin) ?? NO_APP));
    for (const answer of read) {
      const at = placeOf(apps, answer.id);
      const present = apps[at]?.id === answer.id ? apps[at] : undefined;
      const parsed = answer.gone ? undefined : parseApp(answer.app, lookups);
      const app = parsed?.value === undefined ? [] : [keepApp(present, parsed.value)];
      apps.splice(at, present === undefined ? 0 : 1, ...app);
      after.push(...(parsed?.problems ?? []));
    }
    return { value: { takenAt, apps }, problems: after };
  }

  async function hintLater(ids: readonly AppId[]): Promise<void> {
    await clock.sleep(timings.again, new AbortController().signal);
    hint(ids, 'read again');
  }

  return {
    last: () => last?.value,
    app: (id) => appIn(last?.value.apps ?? [], id),
    snapshot: (scope, signal) =>
      scope === 'all' || last === undefined ? readAll(signal) : readSome(scope, last, signal),
  };
}

type AppRead = { readonly id: AppId } & ({ readonly gone: true } | { readonly gone: false; readonly app: unknown });

const NO_APP = '' as AppId;

/** The app in the sorted list. */
function appIn(apps: readonly App[], id: AppId): App | undefined {
  const there = apps[placeOf(apps, id)];
  return there?.id === id ? there : undefined;
}

/** Where the app is in the sorted list, or would be. */
function placeOf(apps: readonly App[], id: AppId): number {
  let [low, high] = [0, apps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = apps[middle]?.id;
    if (there !== undefined && there < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
