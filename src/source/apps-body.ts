import type { Instant, Snapshot } from '../core/app.ts';
import { isRecord } from '../core/json.ts';
import type { Checked } from '../core/problem.ts';
import { fail, ok } from '../core/result.ts';
import {
  appList,
  createSnapshotParser,
  type Lookups,
  type WantedVersion,
  wantedHosts,
  wantedVersions,
} from '../core/snapshot.ts';
import { judgeNoApps, parseJson } from './answers.ts';
import { printOf } from './app-print.ts';
import { createAppSplitter, type FoundApp } from './app-splitter.ts';
import { type AppsMemory, createAppsRecall, NO_MEMORY, type RememberedApp, stillHolds } from './apps-memory.ts';
import { asText, type BodyReader, type ReadBody } from './body-reader.ts';
import type { RequestFailure } from './fetch-failures.ts';
import { createTurns } from './turns.ts';

/** A list of apps that was read to its end and is whole. */
export interface AppsRead {
  /** Definitions that tasks in the list run besides the present ones, each once. */
  readonly versions: readonly WantedVersion[];
  /** Agents in the list that go by a name, each once. */
  readonly hosts: readonly string[];
  /** The snapshot, once what can be known of `versions` and `hosts` is known. Call it once. */
  finish(takenAt: Instant): Promise<Checked<Snapshot>>;
  /** For the reader of the next list; complete once finished. Nothing of a list that was read without one. */
  readonly memory: AppsMemory;
}

/** The event loop is held for so long at a time; parsing one app comes on top of it. */
const TURN_MS = 6;
/** A piece of a body is looked at whole: larger ones are cut. Bytes. */
const LARGEST_PIECE = 64 * 1024;

/** Reads the answer to the list of apps: app by app when it is one, else for what it says. */
export const readApps =
  (lookups: Lookups, previous: Snapshot | undefined, memory?: AppsMemory): ReadBody<AppsRead> =>
  (status) =>
    status === 200 ? createAppsReader(lookups, previous, memory) : asText<AppsRead>(judgeNoApps)(status);

/**
 * Reads `{"apps":[…]}` app by app as it comes, each compared with `previous` at once: what says nothing new is garbage before
 * the next one is read. Apps that need a definition or an address that is not known yet wait as text. An app whose bytes are in
 * `remembered` is taken from there; without one no app gets a print, which only the reader of a next list has use for.
 *
 * Anything wrong anywhere is a failure of the whole, of the kind that `JSON.parse` and a look at the result would give.
 */
export function createAppsReader(
  lookups: Lookups,
  previous: Snapshot | undefined,
  remembered?: AppsMemory,
): BodyReader<AppsRead> {
  const recall = remembered === undefined ? undefined : createAppsRecall(remembered);
  const splitter = createAppSplitter(recall?.recognise);
  const turns = createTurns(TURN_MS);
  let parser = createSnapshotParser(lookups, previous);
  let waiting: { readonly print: string; readonly length: number; readonly text: string }[] = [];
  let failure: RequestFailure | undefined;
  const versions = new Map<string, WantedVersion>();
  const hosts = new Set<string>();

  const add = ({ bytes, known }: FoundApp<RememberedApp>): void => {
    const print = known?.print ?? (recall === undefined ? '' : printOf(bytes));
    const same = known ?? recall?.find(print);
    if (same !== undefined && stillHolds(same, lookups)) {
      for (const [host] of same.agents) hosts.add(host);
      parser.keep(same.app);
      recall?.note(same);
      return;
    }
    const text = bytes.toString('utf8');
    const json = parseJson(text);
    if (!json.ok) failure = json.failure;
    else if (learn([json.value])) parse(print, bytes.length, json.value);
    else waiting.push({ print, length: bytes.length, text });
  };

  const parse = (print: string, length: number, json: unknown): void => {
    const app = parser.add(json);
    // A definition may be forgotten, and what is wrong is to be told each time: only what is whole by itself is remembered.
    if (recall === undefined || app === undefined || wantedVersions([json]).length > 0) return;
    recall.note({ print, length, app, agents: wantedHosts([json]).map((host) => [host, lookups.address(host)]) });
  };

  /** Notes what these entries want. True when all of it is known already. */
  const learn = (entries: readonly unknown[]): boolean => {
    let known = true;
    for (const wanted of wantedVersions(entries)) {
      versions.set(`${wanted.app} ${wanted.version}`, wanted);
      known &&= lookups.definition(wanted.app, wanted.version) !== undefined;
    }
    for (const host of wantedHosts(entries)) {
      hosts.add(host);
      known &&= lookups.address(host) !== undefined;
    }
    return known;
  };

  const inTurns = async <T>(list: readonly T[], work: (one: T) => void): Promise<void> => {
    for (const one of list) {
      if (failure !== undefined) return;
      work(one);
      const pause = turns.over();
      if (pause !== undefined) await pause;
    }
  };

  return {
    async write(piece) {
      for (let at = 0; at < piece.length && failure === undefined; at += LARGEST_PIECE) {
        const found = splitter.push(piece.subarray(at, at + LARGEST_PIECE));
        const superseded = splitter.superseded();
        if (superseded === undefined) await inTurns(found, add);
        else {
          await inTurns(found.slice(0, superseded), add);
          parser = createSnapshotParser(lookups, previous);
          waiting = [];
          await inTurns(found.slice(superseded), add);
        }
      }
    },
    end() {
      if (failure !== undefined) return fail(failure);
      const around = parseJson(splitter.rest());
      if (!around.ok) return around;
      const list = appList(around.value);
      if (!list.ok) return list;
      // Objects in what is left stand for apps that were read; anything else is an entry that is no app.
      for (const entry of list.value) if (!isRecord(entry)) parser.add(entry);
      return ok({
        versions: [...versions.values()],
        hosts: [...hosts],
        memory: recall?.memory() ?? NO_MEMORY,
        async finish(takenAt) {
          await inTurns(waiting, ({ print, length, text }) => parse(print, length, JSON.parse(text)));
          return parser.finish(takenAt);
        },
      });
    },
  };
}
