import type { App, AppId } from '../core/app.ts';
import { parseAppId } from '../core/identifiers.ts';
import { keepApp } from '../core/identity.ts';
import { field, isRecord, listAt } from '../core/json.ts';
import { isWaiting, withoutWaiting } from '../core/readiness-checks.ts';
import { judgeJson } from './answers.ts';
import { asText } from './body-reader.ts';
import type { MarathonHttp } from './marathon-http.ts';

/** Apps as they are; of those whose tasks wait, what Marathon does not wait for any more is ready. */
export type Readied = (
  apps: readonly App[],
  before: (id: AppId) => App | undefined,
  signal: AbortSignal,
) => Promise<ReadonlyMap<AppId, App>>;

/**
 * Results of readiness checks end with the step of the deployment that they belong to, while the deployment goes on with other apps
 * (marathon-api 2.6): which apps it is at work on stands in the list of deployments alone. Asked for only while somebody waits; gives
 * the apps that are otherwise. What cannot be asked waits on.
 */
export function createReadied(http: MarathonHttp): Readied {
  return async (apps, before, signal) => {
    const waiting = apps.filter(isWaiting);
    if (waiting.length === 0) return NONE;
    const answer = await http.get('deployments', '/v2/deployments', asText(judgeJson), signal);
    if (!answer.ok || !Array.isArray(answer.value)) return NONE;
    const at = new Set(answer.value.filter(isRecord).flatMap((plan) => listAt(plan, 'currentActions').map(appOf)));
    const over = waiting.filter(({ id }) => !at.has(id));
    return new Map(over.map((app) => [app.id, keepApp(before(app.id), withoutWaiting(app))]));
  };
}

const NONE: ReadonlyMap<AppId, App> = new Map();

const appOf = (action: unknown): AppId | undefined => (isRecord(action) ? parseAppId(field(action, 'app')) : undefined);
