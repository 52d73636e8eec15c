import type { App, AppId, Snapshot } from '../core/app.ts';
import type { ChangeHint, Clock, Source, SourceFailure } from '../core/ports.ts';
import { appOf, type Checked, type Problem } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { keepIdentity, type Lookups, parseApp, parseSnapshot, wantedHosts, wantedVersions } from '../core/snapshot.ts';
import { judgeApp, judgeApps } from './answers.ts';
import { createDefinitions } from './definitions.ts';
import { inParallel } from './in-parallel.ts';
import type { MarathonHttp } from './marathon-http.ts';
import type { NameResolver } from './names.ts';
import { APPS_PATH, appWithTasksPath } from './paths.ts';
import type { MarathonTimings } from './timings.ts';

/** What reading snapshots touches. */
export interface ReaderParts {
  readonly http: MarathonHttp;
  readonly clock: Clock;
  readonly names: NameResolver;
  readonly timings: MarathonTimings;
  readonly hint: (scope: ChangeHint['scope'], reason: string) => void;
}

type Read = Result<Checked<Snapshot>, SourceFailure>;

/** Apps read one by one at the same time. */
const WIDTH = 4;

/** Makes the reader; it remembers the last answer, into which single apps are merged. */
export function createMarathonReader({ http, clock, names, timings, hint }: ReaderParts): Pick<Source, 'snapshot'> {
  const definitions = createDefinitions(http, clock, timings.definitions);
  const lookups: Lookups = { definition: definitions.get, address: names.address };
  let last: Checked<Snapshot> | undefined;

  /** Gets what the apps refer to: older definitions and the addresses of agents. Gaps are allowed. */
  const prepare = (apps: readonly unknown[], signal: AbortSignal) =>
    Promise.all([definitions.load(wantedVersions(apps), signal), names.resolve(wantedHosts(apps), signal)]);

  const keep = (snapshot: Snapshot, problems: readonly Problem[]): Read => {
    last = { value: keepIdentity(last?.value, snapshot), problems };
    return ok(last);
  };

  async function readAll(signal: AbortSignal): Promise<Read> {
    const list = await http.get('apps', APPS_PATH, judgeApps, signal);
    if (!list.ok) return list;
    await prepare(list.value, signal);
    const parsed = parseSnapshot(list.value, clock.now(), lookups);
    if (!parsed.ok) return fail({ ...parsed.failure, endpoint: '' });
    return keep(parsed.value.value, parsed.value.problems);
  }

  async function readSome(scope: readonly AppId[], before: Checked<Snapshot>, signal: AbortSignal): Promise<Read> {
    const ids = [...new Set(scope)];
    const answers = await inParallel(ids, WIDTH, async (id) => ({
      id,
      answer: await http.get('app', appWithTasksPath(id), judgeApp(id), signal),
    }));
    const read = answers.flatMap(({ id, answer }) => (answer.ok ? [{ id, ...answer.value }] : []));
    const failed = answers.flatMap(({ id, answer }) => (answer.ok ? [] : [{ id, failure: answer.failure }]));
    const [first] = failed;
    if (first !== undefined && (read.length === 0 || signal.aborted)) return fail(first.failure);
    // One app that Marathon cannot assemble must not hold up the others: it stays as it was and is looked at again.
    if (failed.length > 0) void hintLater(failed.map(({ id }) => id));
    await prepare(
      read.flatMap((answer) => (answer.gone ? [] : [answer.app])),
      signal,
    );
    return merge(before, read, new Set(read.map(({ id }) => id)));
  }

  function merge(before: Checked<Snapshot>, read: readonly AppRead[], touched: ReadonlySet<AppId>): Read {
    const apps = new Map<AppId, App>(before.value.apps.map((app) => [app.id, app]));
    const problems = before.problems.filter((problem) => !touched.has(appOf(problem.origin) ?? NO_APP));
    for (const answer of read) {
      apps.delete(answer.id);
      if (answer.gone) continue;
      const parsed = parseApp(answer.app, lookups);
      if (parsed.value !== undefined) apps.set(answer.id, parsed.value);
      problems.push(...parsed.problems);
    }
    const sorted = [...apps.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return keep({ takenAt: clock.now(), apps: sorted }, problems);
  }

  async function hintLater(ids: readonly AppId[]): Promise<void> {
    await clock.sleep(timings.again, new AbortController().signal);
    hint(ids, 'read again');
  }

  return {
    snapshot: (scope, signal) =>
      scope === 'all' || last === undefined ? readAll(signal) : readSome(scope, last, signal),
  };
}

type AppRead = { readonly id: AppId } & ({ readonly gone: true } | { readonly gone: false; readonly app: unknown });

const NO_APP = '' as AppId;
