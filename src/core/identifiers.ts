import type { AppId, TaskId, Version } from './app.ts';
import { type JsonRecord, recordAt, textAt } from './json.ts';

/** Segments as Marathon allows them, and the capitals and underscores that its early versions let through. */
const APP_ID = /^(?:\/[A-Za-z0-9._-]+)+$/;
/** Mesos makes folders of task ids, which hold the app id; so neither is longer than a file name. */
const MAX_ID = 255;
/** ISO times, with or without milliseconds and zone. Nothing that could turn a URL path into another one. */
const VERSION = /^\d[\dA-Za-z:.+-]{0,63}$/;
// No blanks, controls or anything outside ASCII: task ids are shown in logs and kept as keys.
const TASK_ID = /^[\x21-\x7e]{1,255}$/;

/** The id of an app; a missing leading slash is added, a trailing one dropped, as Marathon does with definitions. */
export function parseAppId(value: unknown): AppId | undefined {
  if (typeof value !== 'string' || value.length > MAX_ID) return undefined;
  const path = `${value.startsWith('/') ? '' : '/'}${value.endsWith('/') ? value.slice(0, -1) : value}`;
  return APP_ID.test(path) ? (path as AppId) : undefined;
}

/** The id of a task. */
export function parseTaskId(value: unknown): TaskId | undefined {
  return typeof value === 'string' && TASK_ID.test(value) ? (value as TaskId) : undefined;
}

/** A version as Marathon writes it. */
export function parseVersion(value: unknown): Version | undefined {
  return typeof value === 'string' && VERSION.test(value) ? (value as Version) : undefined;
}

/** The version at `name`; empty where there is none, or nothing that could be one. */
export function versionAt(record: JsonRecord, name: string): Version {
  const text = textAt(record, name);
  return (VERSION.test(text) ? text : '') as Version;
}

/** The versions of an app that decide which definition its tasks run. */
export interface AppVersions {
  readonly version: Version;
  /** `versionInfo.lastConfigChangeAt`; absent before Marathon 0.11 and where Marathon never wrote it. */
  readonly lastConfigChangeAt?: Version;
  readonly lastScalingAt?: Version;
}

/** Reads `version` and `versionInfo`. */
export function parseVersions(app: JsonRecord): AppVersions {
  const times = recordAt(app, 'versionInfo');
  const lastConfigChangeAt = versionAt(times, 'lastConfigChangeAt');
  const lastScalingAt = versionAt(times, 'lastScalingAt');
  return {
    version: versionAt(app, 'version'),
    ...(lastConfigChangeAt === '' ? {} : { lastConfigChangeAt }),
    ...(lastScalingAt === '' ? {} : { lastScalingAt }),
  };
}

/**
 * Whether a task of this version runs the app's present definition (marathon-api 1.2). Versions at or above the last
 * configuration change do: scaling changes the version only. Without that time only the same version is surely the same
 * definition. A task without version has ended, or comes from a Marathon that had no versions.
 */
export function runsPresentDefinition(app: AppVersions, task: Version): boolean {
  if (task === '') return true;
  if (app.lastConfigChangeAt !== undefined) return task >= app.lastConfigChangeAt;
  return app.version === '' || task === app.version;
}
