import type { AppId, Instant, Version } from './app.ts';
import { buildRoutingTable } from './build.ts';
import { NO_CERTIFICATES } from './certificates.ts';
import { isRecord } from './json.ts';
import { NO_MEMORY } from './memory.ts';
import { byFirst, byText } from './order.ts';
import type { Settings } from './settings.ts';
import { NO_LOOKUPS, parseApp } from './snapshot.ts';

/** Whether a definition asks for a name, by the same reading as of apps that are there. `key`: as claims are remembered. */
export function carriesClaim(definition: unknown, key: string, settings: Settings): boolean {
  if (!isRecord(definition)) return false;
  const { value: app } = parseApp({ ...definition, tasks: [], deployments: [] }, NO_LOOKUPS);
  if (app === undefined) return false;
  const alone = { takenAt: 0 as Instant, apps: [app] };
  return buildRoutingTable(alone, settings, NO_CERTIFICATES, NO_MEMORY).memory.claims.has(key);
}

/** Since when somebody has asked for a name. */
export interface ClaimAge {
  readonly holder: AppId;
  readonly since: Version;
}

/** Who asked first; of several at once, the first by id. */
export function oldestHolder(ages: readonly ClaimAge[]): AppId | undefined {
  return ages.toSorted((a, b) => byFirst(byText(a.since, b.since), byText(a.holder, b.holder)))[0]?.holder;
}
