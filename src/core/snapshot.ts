import type { App, AppId, Instant, Snapshot, Task, TaskId, Version } from './app.ts';
import { type Definition, parseDefinition } from './definition.ts';
import {
  type AppVersions,
  parseAppId,
  parseTaskId,
  parseVersions,
  runsPresentDefinition,
  versionAt,
} from './identifiers.ts';
import { keepApp } from './identity.ts';
import { field, isRecord, type JsonRecord, listAt, numberAt, recordAt, textAt } from './json.ts';
import type { Lookups } from './lookups.ts';
import {
  appListedTwice,
  appWithoutId,
  definitionUnknown,
  labelNotText,
  misshapen,
  taskListedTwice,
  taskWithoutId,
} from './malformed.ts';
import { byFirst, byText, distinctSorted } from './order.ts';
import { pairPorts } from './port-pairs.ts';
import type { Checked, Problem } from './problem.ts';
import { parseReadiness, type ReadinessOf } from './readiness-checks.ts';
import { fail, ok, type Result } from './result.ts';
import { parseTask, type TaskDefinition } from './task.ts';

export { keepIdentity } from './identity.ts';
export { type Lookups, NO_LOOKUPS, type WantedVersion, wantedHosts, wantedVersions } from './lookups.ts';

/** What was read is no list of apps, so it says nothing about the cluster. */
export interface SnapshotUnreadable {
  readonly kind: 'not-apps';
  /** A sentence for people. */
  readonly detail: string;
}

/**
 * The list in a decoded answer to `GET /v2/apps`, or the answer itself when it is the bare list. Anything else is a failure
 * and never an empty cluster: proxies and leaderless nodes answer 200 with other things (marathon-api 0.2).
 */
export function appList(json: unknown): Result<readonly unknown[], SnapshotUnreadable> {
  const list = Array.isArray(json) ? json : isRecord(json) ? field(json, 'apps') : undefined;
  if (!Array.isArray(list)) {
    return fail({ kind: 'not-apps', detail: 'The answer has no list of apps ("apps").' });
  }
  if (list.length > 0 && !list.some(isRecord)) {
    return fail({ kind: 'not-apps', detail: `None of the ${list.length} entries in "apps" is an app.` });
  }
  return ok(list);
}

/**
 * Reads the decoded body of `GET /v2/apps?embed=apps.tasks`, or the bare list of apps, of any Marathon from 0.8 to 1.11.
 * What one app or task makes unreadable costs that app or task only. The result does not depend on the order of the input:
 * of several apps with one id the newest version counts, and of equal versions the one whose content sorts last.
 */
export function parseSnapshot(
  json: unknown,
  takenAt: Instant,
  lookups: Lookups,
): Result<Checked<Snapshot>, SnapshotUnreadable> {
  const list = appList(json);
  if (!list.ok) return list;
  const parser = createSnapshotParser(lookups);
  for (const entry of list.value) parser.add(entry);
  return ok(parser.finish(takenAt));
}

/** Reads a list of apps entry by entry, so that neither the list nor what it was made from has to be there at once. */
export interface SnapshotParser {
  /** Reads one entry of the list, whatever it is. Gives the app when nothing in it is wrong. */
  add(entry: unknown): App | undefined;
  /** Takes an entry whose app is known, because it says what one said before in which nothing was wrong. */
  keep(app: App): void;
  /** What was read; call it once, after the last entry. */
  finish(takenAt: Instant): Checked<Snapshot>;
}

/** Makes the parser. Apps that say the same as in `previous` are that snapshot's own objects. */
export function createSnapshotParser(lookups: Lookups, previous?: Snapshot): SnapshotParser {
  const before = new Map(previous?.apps.map((app) => [app.id, app]));
  const apps = new Map<AppId, Checked<App>>();
  const left: Problem[] = [];
  const take = (read: App, problems: readonly Problem[]): App => {
    const app = keepApp(before.get(read.id), read);
    const earlier = apps.get(app.id);
    if (earlier !== undefined) left.push(appListedTwice(app.id));
    if (earlier === undefined || isNewer(app, earlier.value)) apps.set(app.id, { value: app, problems });
    return app;
  };
  return {
    add(entry) {
      const { value: app, problems } = parseApp(entry, lookups);
      if (app === undefined) {
        left.push(...problems);
        return undefined;
      }
      const taken = take(app, problems);
      return problems.length === 0 ? taken : undefined;
    },
    keep(app) {
      take(app, NO_PROBLEMS);
    },
    finish(takenAt) {
      // In the order of before: what is in order already costs next to nothing to sort.
      const known = previous?.apps.flatMap(({ id }) => apps.get(id) ?? []) ?? [];
      const others = [...apps.values()].filter(({ value }) => !before.has(value.id));
      const kept = [...known, ...others].sort((a, b) => byText(a.value.id, b.value.id));
      const problems = [left, ...kept.flatMap((app) => (app.problems.length === 0 ? [] : [app.problems]))].flat();
      return { value: { takenAt, apps: kept.map((app) => app.value) }, problems: distinct(problems) };
    },
  };
}

/**
 * Reads one app with its tasks: an entry of the list, or what `GET /v2/apps/{id}` has under `app`. No value when it lacks an
 * id; everything else that is missing or wrong has Marathon's default.
 */
export function parseApp(json: unknown, lookups: Lookups): Checked<App | undefined> {
  const id = isRecord(json) ? parseAppId(field(json, 'id')) : undefined;
  if (!isRecord(json) || id === undefined) return { value: undefined, problems: [appWithoutId(json)] };
  const versions = parseVersions(json);
  const { version, lastConfigChangeAt, lastScalingAt } = versions;
  const definition = parseDefinition(json);
  const labels = parseLabels(id, json);
  const definitions = definitionsOf(id, versions, definition, lookups);
  const tasks = parseTasks(id, json, definitions, parseReadiness(json, version), lookups);
  const instances = numberAt(json, 'instances', 0, Number.MAX_SAFE_INTEGER);
  const app: App = {
    id,
    version,
    configVersion: lastConfigChangeAt ?? version,
    ...(lastScalingAt === undefined ? {} : { scaledAt: lastScalingAt }),
    instances: instances !== undefined && Number.isInteger(instances) ? instances : 1,
    labels: labels.value,
    network: definition.network,
    ports: definition.ports,
    healthChecks: definition.checks.copyable,
    tasks: tasks.value,
    deployments: parseDeployments(json),
  };
  return { value: app, problems: distinct([misshapen(id, json), labels.problems, tasks.problems].flat()) };
}

/** Marathon has texts only; numbers and booleans of a hand-written file are taken for what they spell, the rest is refused. */
function parseLabels(app: AppId, json: JsonRecord): Checked<App['labels']> {
  const labels = recordAt(json, 'labels');
  const problems: Problem[] = [];
  const entries: [string, string][] = [];
  for (const name of Object.keys(labels).sort(byText)) {
    const value = labels[name];
    if (typeof value === 'string') entries.push([name, value]);
    else if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) {
      entries.push([name, String(value)]);
    } else problems.push(labelNotText(app, name, value));
  }
  return { value: new Map(entries), problems };
}

function parseDeployments(json: JsonRecord): readonly string[] {
  const ids = listAt(json, 'deployments')
    .filter(isRecord)
    .map((deployment) => textAt(deployment, 'id'));
  return distinctSorted(ids.filter((id) => id !== ''));
}

/** Each task by the definition of its own version: during an upgrade old tasks have the old ports (marathon-api 6.3). */
function parseTasks(
  app: AppId,
  json: JsonRecord,
  definitionOf: (task: Version) => TaskDefinition,
  readinessOf: ReadinessOf,
  lookups: Lookups,
): Checked<App['tasks']> {
  const tasks = new Map<TaskId, Task>();
  const orphans = new Map<Version, number>();
  const problems: Problem[] = [];
  for (const entry of listAt(json, 'tasks')) {
    const id = isRecord(entry) ? parseTaskId(field(entry, 'id')) : undefined;
    if (!isRecord(entry) || id === undefined) {
      problems.push(taskWithoutId(app, entry));
      continue;
    }
    const version = versionAt(entry, 'version');
    const own = definitionOf(version);
    if (!own.known) orphans.set(version, (orphans.get(version) ?? 0) + 1);
    const task = parseTask(entry, id, version, own, readinessOf, lookups);
    const earlier = tasks.get(id);
    if (earlier !== undefined) problems.push(taskListedTwice(app, id));
    if (earlier === undefined || fingerprint(task) > fingerprint(earlier)) tasks.set(id, task);
  }
  for (const [version, count] of orphans) problems.push(definitionUnknown(app, version, count));
  return { value: [...tasks.values()].sort((a, b) => byText(a.id, b.id)), problems };
}

/** Finds the definition that a task of a version runs, asking for each older one once. */
function definitionsOf(
  app: AppId,
  versions: AppVersions,
  present: Definition,
  lookups: Lookups,
): (task: Version) => TaskDefinition {
  const older = new Map<Version, TaskDefinition>();
  return (task) => {
    if (runsPresentDefinition(versions, task)) return { definition: present, known: true };
    const remembered = older.get(task);
    if (remembered !== undefined) return remembered;
    const found = olderDefinition(lookups.definition(app, task), present);
    older.set(task, found);
    return found;
  };
}

function olderDefinition(json: unknown, present: Definition): TaskDefinition {
  if (!isRecord(json)) return { definition: present, known: false };
  const definition = parseDefinition(json);
  return { definition, known: true, pairs: pairPorts(definition.ports, present.ports) };
}

const NO_PROBLEMS: readonly Problem[] = [];

/** Only to choose among duplicates, so that the order of the input does not. */
const fingerprint = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? [...part] : part));

function isNewer(app: App, than: App): boolean {
  return app.version === than.version ? fingerprint(app) > fingerprint(than) : app.version > than.version;
}

/** Sorted, and each complaint once: a thousand tasks can be wrong in the same way. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  const sorted = problems.toSorted((a, b) => byFirst(byText(a.code, b.code), byText(a.message, b.message)));
  return sorted.filter((problem, index) => index === 0 || problem.message !== sorted[index - 1]?.message);
}
