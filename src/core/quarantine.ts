import type { AppId } from './app.ts';
import type { Diagnostic } from './config.ts';
import type { Problem } from './problem.ts';
import { appOf, printable } from './problem.ts';
import type { RoutingTable } from './routing.ts';

/** Why an app is left out, and what it asked for then. */
export interface Quarantined {
  /** What `definitionsOf` gave at that time: another one is a reason to try again. */
  readonly definition: string;
  /** ms since the epoch. */
  readonly since: number;
  /** HAProxy's own words. */
  readonly message: string;
}

/** The table without everything that belongs to some apps. What they own stays claimed: nobody else gets it meanwhile. */
export function withoutApps(table: RoutingTable, apps: ReadonlySet<AppId> | ReadonlyMap<AppId, unknown>): RoutingTable {
  if (apps.size === 0) return table;
  const stays = (item: { readonly app: AppId }): boolean => !apps.has(item.app);
  return {
    services: table.services.filter(stays),
    routes: table.routes.filter(stays),
    appIds: table.appIds.filter(stays),
    backends: table.backends.filter(stays),
  };
}

/** The apps that have anything in the table, in table order. */
export function appsOf(table: RoutingTable): readonly AppId[] {
  const rows = [...table.backends, ...table.services, ...table.routes, ...table.appIds];
  return [...new Set(rows.map((row) => row.app))];
}

/**
 * What some apps ask of HAProxy, without their servers, as text to compare: tasks come and go without changing it. One walk
 * over the table, however many apps; one that has nothing in it asks for nothing.
 */
export function definitionsOf(table: RoutingTable, apps: Iterable<AppId>): ReadonlyMap<AppId, string> {
  const rows = new Map([...apps].map((app): [AppId, unknown[]] => [app, []]));
  for (const list of [table.services, table.routes, table.appIds]) for (const row of list) rows.get(row.app)?.push(row);
  for (const backend of table.backends) rows.get(backend.app)?.push({ ...backend, servers: [] });
  return new Map([...rows].map(([app, own]) => [app, JSON.stringify(own)]));
}

/** Who in the table answers for apps that were blamed: the app itself, or the deployment group that it is the voice of. */
export function answerable(table: RoutingTable, blamed: ReadonlySet<AppId>): ReadonlySet<AppId> {
  if (blamed.size === 0) return blamed;
  const voices = table.backends.filter(({ origin }) => blamed.has(appOf(origin) ?? ('' as AppId)));
  return new Set([...blamed, ...voices.map(({ app }) => app)]);
}

/** The apps whose part of the table, servers included, is what it was in `before`: HAProxy has accepted them already. */
export function unchangedApps(before: RoutingTable | undefined, after: RoutingTable): ReadonlySet<AppId> {
  if (before === undefined) return new Set();
  const was = textsOf(before);
  return new Set([...textsOf(after)].filter(([app, text]) => was.get(app) === text).map(([app]) => app));
}

/** What is shown of a quarantined app. */
export function quarantineProblem(app: AppId, entry: Quarantined): Problem {
  return {
    code: 'Quarantined',
    effect: 'app-excluded',
    message: printable(`HAProxy refused what ${app} asks for: ${entry.message}`, 500),
    origin: { from: 'app', app },
  };
}

/** HAProxy's words about one app: the diagnostics of its lines if known, else the first ones. */
export function wordsOf(diagnostics: readonly Diagnostic[]): string {
  const alerts = diagnostics.filter((diagnostic) => diagnostic.severity === 'alert');
  const chosen = (alerts.length > 0 ? alerts : diagnostics).slice(0, 3);
  return chosen.length === 0 ? 'the configuration with it is not valid' : chosen.map((it) => it.message).join('; ');
}

/** Everything that belongs to each app, as text. */
function textsOf(table: RoutingTable): ReadonlyMap<AppId, string> {
  const texts = new Map<AppId, string>();
  for (const rows of [table.services, table.routes, table.appIds, table.backends]) {
    for (const row of rows) texts.set(row.app, `${texts.get(row.app) ?? ''}${JSON.stringify(row)}\n`);
  }
  return texts;
}
