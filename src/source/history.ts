import type { AppId, Version } from '../core/app.ts';
import type { EarliestVersion } from '../core/earliest-version.ts';
import { parseVersion } from '../core/identifiers.ts';
import { isRecord, listAt } from '../core/json.ts';
import { byText } from '../core/order.ts';
import type { Clock } from '../core/ports.ts';
import { createAlarms } from './alarms.ts';
import { judgeDefinition, judgeVersions } from './answers.ts';
import { asText } from './body-reader.ts';
import { startDeadline } from './deadline.ts';
import type { MarathonHttp } from './marathon-http.ts';
import { appPath } from './paths.ts';

/** Versions of one app that are looked at; Marathon keeps 50 unless told otherwise. */
const MOST_VERSIONS = 200;

/**
 * Reads an app's versions, the oldest first, until one passes: mostly that is the first. An app that is gone has none.
 * `deadlineMs`: for all of it.
 */
export function createHistory(http: MarathonHttp, clock: Clock, deadlineMs: number): EarliestVersion {
  async function search(
    app: AppId,
    passes: (definition: unknown) => boolean,
    signal: AbortSignal,
  ): Promise<Version | 'none' | undefined> {
    const versions = await versionsOf(http, app, signal);
    if (versions === undefined) return undefined;
    for (const version of versions.slice(0, MOST_VERSIONS)) {
      const path = `${appPath(app)}/versions/${encodeURIComponent(version)}`;
      const answer = await http.get('versions', path, asText(judgeDefinition), signal);
      if (!answer.ok) return undefined;
      if (answer.value !== undefined && passes(answer.value)) return version;
    }
    return 'none';
  }

  return async (app, passes, signal) => {
    const alarms = createAlarms(clock);
    const deadline = startDeadline(alarms, deadlineMs, signal);
    const found = await search(app, passes, deadline.signal);
    deadline.stop();
    alarms.close();
    return found;
  };
}

/** All that Marathon still knows, the oldest first; none for an app that is gone, undefined where it does not say. */
async function versionsOf(
  http: MarathonHttp,
  app: AppId,
  signal: AbortSignal,
): Promise<readonly Version[] | undefined> {
  const answer = await http.get('versions', `${appPath(app)}/versions`, asText(judgeVersions), signal);
  if (!answer.ok) return undefined;
  const list = isRecord(answer.value) ? listAt(answer.value, 'versions') : [];
  return list.flatMap((version) => parseVersion(version) ?? []).sort(byText);
}
