import type { AppId, Version } from './app.ts';
import { isHostName } from './host.ts';
import { parseAppId, parseVersions, runsPresentDefinition, versionAt } from './identifiers.ts';
import { isRecord, listAt, textAt } from './json.ts';
import { byText, distinctSorted } from './order.ts';

/**
 * What a snapshot needs besides Marathon's list of apps, asked for beforehand in `source/` (`wantedVersions`,
 * `wantedHosts` say what). Both give `undefined` for what is not known; neither may throw.
 */
export interface Lookups {
  /** Body of `GET /v2/apps/{id}/versions/{version}` as decoded. `app` has its leading slash. */
  definition(app: string, version: string): unknown | undefined;
  /** Last known IP address of an agent's host name, spelled as Marathon spells it. Not asked for IP addresses. */
  address(host: string): string | undefined;
}

/** A definition that only Marathon's versions endpoint has. */
export interface WantedVersion {
  readonly app: AppId;
  readonly version: Version;
}

/** Knows nothing: every older task is then served by its app's present ports, every named agent is unresolvable. */
export const NO_LOOKUPS: Lookups = { definition: () => undefined, address: () => undefined };

/**
 * The definitions that tasks in `apps` (Marathon's list, as decoded) run and that are not the present ones. Each once, sorted
 * by app and version. Marathon may have forgotten some of them.
 */
export function wantedVersions(apps: readonly unknown[]): readonly WantedVersion[] {
  const wanted = new Map<string, WantedVersion>();
  for (const json of apps) {
    const tasks = tasksOf(json);
    if (tasks.length === 0 || !isRecord(json)) continue;
    const app = parseAppId(json['id']);
    if (app === undefined) continue;
    const versions = parseVersions(json);
    for (const task of tasks) {
      const version = isRecord(task) ? versionAt(task, 'version') : NO_VERSION;
      if (!runsPresentDefinition(versions, version)) wanted.set(`${app} ${version}`, { app, version });
    }
  }
  return [...wanted.values()].sort((a, b) => byText(a.app, b.app) || byText(a.version, b.version));
}

/** The agents in `apps` (Marathon's list, as decoded) that go by a name. Each once, sorted, spelled as Marathon spells them. */
export function wantedHosts(apps: readonly unknown[]): readonly string[] {
  const hosts = new Set<string>();
  for (const json of apps) {
    for (const task of tasksOf(json)) if (isRecord(task)) hosts.add(textAt(task, 'host'));
  }
  return distinctSorted([...hosts].filter(isHostName));
}

const NO_VERSION = '' as Version;

const tasksOf = (app: unknown): readonly unknown[] => (isRecord(app) ? listAt(app, 'tasks') : []);
