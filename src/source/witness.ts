import type { AppId, Instant, Snapshot } from '../core/app.ts';
import { isRecord, listAt, textAt } from '../core/json.ts';
import type { Clock } from '../core/ports.ts';
import { NO_LOOKUPS } from '../core/snapshot.ts';
import type { Witness } from '../core/trust.ts';
import { judgeApp, judgeJson } from './answers.ts';
import { readApps } from './apps-body.ts';
import { asText } from './body-reader.ts';
import { NOT_NEEDED } from './failover.ts';
import { inParallel } from './in-parallel.ts';
import type { MarathonHttp } from './marathon-http.ts';
import type { Master, Masters } from './masters.ts';
import { APPS_PATH, appWithTasksPath } from './paths.ts';
import { stoppedApps } from './stopped-apps.ts';

/** What asking others touches. */
export interface WitnessParts {
  readonly masters: Masters;
  readonly http: MarathonHttp;
  readonly clock: Clock;
  /** Of the reader: what says the same in another master's list is the same object. */
  readonly last: () => Snapshot | undefined;
  readonly listeningSince: () => Instant | undefined;
  /** Milliseconds that a list may take longer than everything else. */
  readonly patienceMs: number;
}

/** Apps asked for one by one; of more than these, only lists and deployments tell. */
const MOST_ASKED = 1_000;
/** So many at the same time. */
const WIDTH = 4;

/**
 * Asks everybody about apps that a list lacks: each master for its own list, whoever leads for the leader, its deployments and
 * the apps themselves. A master whose list shows more of them than the others' is put first, so that the next read is its.
 */
export function createWitness({ masters, http, clock, last, listeningSince, patienceMs }: WitnessParts) {
  /** Those of the missing that a master's list shows with tasks. */
  async function listedBy(master: Master, missing: ReadonlySet<AppId>, signal: AbortSignal): Promise<List> {
    const read = await http.from(master, 'apps', APPS_PATH, readApps(NO_LOOKUPS, last()), signal);
    if (!read.ok) return { master, answers: false, there: [] };
    const { value } = await read.value.finish(clock.now());
    return {
      master,
      answers: true,
      there: value.apps.filter(hasTasks).flatMap(({ id }) => (missing.has(id) ? [id] : [])),
    };
  }

  /** The best list is read next. True: it shows some of the missing. */
  function prefer(lists: readonly List[]): boolean {
    const best = lists.toSorted((a, b) => b.there.length - a.there.length)[0];
    if (best === undefined || best.there.length === 0) return false;
    for (const { master, there } of lists) if (there.length < best.there.length) masters.failed(master);
    masters.worked(best.master, undefined);
    return true;
  }

  async function hasLeader(signal: AbortSignal): Promise<boolean> {
    const answer = await http.get('leader', '/v2/leader', asText(judgeJson), signal);
    return answer.ok && isRecord(answer.value) && textAt(answer.value, 'leader') !== '';
  }

  async function stopping(signal: AbortSignal): Promise<ReadonlySet<AppId>> {
    const answer = await http.get('deployments', '/v2/deployments', asText(judgeJson), signal);
    const plans = answer.ok && Array.isArray(answer.value) ? answer.value.filter(isRecord) : [];
    return new Set(plans.flatMap(stoppedApps));
  }

  async function oneByOne(apps: readonly AppId[], signal: AbortSignal) {
    const [there, gone] = [new Set<AppId>(), new Set<AppId>()];
    await inParallel(apps.slice(0, MOST_ASKED), WIDTH, async (id) => {
      const answer = await http.get('app', appWithTasksPath(id), asText(judgeApp(id)), signal);
      if (!answer.ok) return;
      if (answer.value.gone) gone.add(id);
      else if (isRecord(answer.value.app) && listAt(answer.value.app, 'tasks').length > 0) there.add(id);
    });
    return { there, gone };
  }

  /** By the word of a leader who was there before and afterwards. */
  async function leadersWord(missing: readonly AppId[], signal: AbortSignal) {
    const before = await hasLeader(signal);
    const stopped = await stopping(signal);
    const { there, gone } = await oneByOne(missing, signal);
    return { there, gone, stopped, leaderElected: before && (gone.size === 0 || (await hasLeader(signal))) };
  }

  return async (missing: readonly AppId[], signal: AbortSignal): Promise<Witness> => {
    const wanted = new Set(missing);
    const lists: List[] = [];
    const cut = new AbortController();
    const until = AbortSignal.any([signal, cut.signal]);
    const allLists = inParallel(masters.order(), WIDTH, async (master) => {
      lists.push(await listedBy(master, wanted, until));
    });
    const { there, gone, stopped, leaderElected } = await leadersWord(missing, signal);
    // A master that hangs does not keep the word of all others waiting.
    await Promise.race([allLists, clock.sleep(patienceMs, until)]);
    const answered = [...lists];
    cut.abort(NOT_NEEDED);
    const betterList = prefer(answered);
    const shown = new Set([...answered.flatMap((list) => list.there), ...there]);
    const since = listeningSince();
    return {
      there: shown,
      // Who does not have it may be who does not have anything.
      gone: new Set([...gone].filter((app) => !shown.has(app))),
      stopping: stopped,
      leaderElected,
      ...(since === undefined ? {} : { listeningSince: since }),
      betterList,
      asked: answered.flatMap(({ master, answers }) => (answers ? [master.endpoint] : [])),
    };
  };
}

/** What a master's list says of the missing. */
interface List {
  readonly master: Master;
  readonly answers: boolean;
  /** Those that it shows with tasks. */
  readonly there: readonly AppId[];
}

const hasTasks = ({ tasks }: Snapshot['apps'][number]): boolean => tasks.length > 0;
