import type { App, AppId } from './app.ts';
import { blamedLabel, refusedTexts, withoutSecrets } from './blame-label.ts';
import type { Diagnostic, RenderedConfig } from './config.ts';
import type { Origin, Problem } from './problem.ts';
import { appOf, printable } from './problem.ts';
import type { RoutingTable } from './routing.ts';
import { spoiltLabel } from './spoilt-label.ts';
import { askedBy, type Holding } from './stand-in.ts';
import { byAppId, byFirstBind, byName, byRoute, listDiff } from './table-diff.ts';
import { profileName } from './template-views.ts';

/** An app that HAProxy refused, or of which a label cannot be understood that could be before, and why. */
export interface Quarantined extends Holding {
  /** Nobody asked HAProxy: it is a label. */
  readonly unread?: true;
  /** `askedBy` of that time: anything else is a reason to try again. */
  readonly asked: string;
  /** ms since the epoch. */
  readonly since: number;
  /** HAProxy's own words, free of secrets; of a label, what is wrong with it. */
  readonly message: string;
  /** The label that they are about, as far as that can be told. */
  readonly label?: string;
  /** Its value, printable; masked where it is a secret. */
  readonly value?: string;
  /** Nobody was named, and it is not known yet whether it is to blame: it is tried again soon, together with so many others, itself included. */
  readonly suspected?: number;
}

/** What HAProxy said about an app, and of which configuration. */
export interface Refusal {
  readonly holding: Holding;
  readonly said: readonly Diagnostic[];
  readonly config: RenderedConfig;
  readonly suspected?: number;
}

/** An app as it is quarantined from `since` on. */
export function quarantined(app: App, { holding, said, config, suspected }: Refusal, since: number): Quarantined {
  return {
    ...holding,
    asked: askedBy(app, holding.step),
    since,
    message: printable(withoutSecrets(wordsOf(said), app), 400),
    ...blamedLabel(app, holding.good, refusedTexts(said, config)),
    ...(suspected === undefined ? {} : { suspected }),
  };
}

/** An app as it is held because of a label from `since` on, if there is such a label. */
export function heldForLabel(app: App, good: App, since: number): Quarantined | undefined {
  const problem = spoiltLabel(app, good);
  if (problem === undefined) return undefined;
  const { message, origin, value } = problem;
  return {
    unread: true,
    step: 'definition',
    good,
    asked: askedBy(app, 'definition'),
    since,
    message: printable(message, 400),
    ...(origin.from === 'label' ? { label: origin.label } : {}),
    ...(value === undefined ? {} : { value }),
  };
}

type Entries = ReadonlyMap<AppId, Quarantined>;

/** Of those who are only suspected, the ones to be tried together next: those first who are known to be among the fewest. */
export function suspects(entries: Entries): readonly AppId[] {
  const suspected = [...entries].filter(([, entry]) => entry.suspected !== undefined);
  const together = Math.min(...suspected.map(([, entry]) => entry.suspected ?? 1));
  const fewest = suspected.filter(([, entry]) => entry.suspected === together).slice(0, together);
  return fewest.map(([app]) => app);
}

/** Who was refused before `from`, ms since the epoch. A label that cannot be understood never will be. */
export function waitedLong(entries: Entries, from: number): readonly AppId[] {
  const waited = [...entries].filter(([, { since, suspected, unread }]) => !suspected && !unread && since <= from);
  return waited.map(([app]) => app);
}

/** When the next one is worth a try, ms since the epoch. `suspectsFrom`: those who are only suspected. */
export function nextTry(entries: Entries, suspectsFrom: number, everyMs: number): number | undefined {
  const times = [...entries.values()].flatMap(({ since, suspected, unread }) =>
    unread ? [] : suspected ? suspectsFrom : since + everyMs,
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The table without the rows of apps that are left out. What they own stays claimed: nobody else gets it meanwhile. */
export function withoutApps(table: RoutingTable, apps: ReadonlySet<AppId>): RoutingTable {
  if (apps.size === 0) return table;
  const out = answerable(table, apps);
  const stays = (item: { readonly app: AppId }): boolean => !out.has(item.app);
  return {
    services: table.services.filter(stays),
    routes: table.routes.filter(stays),
    appIds: table.appIds.filter(stays),
    backends: table.backends.filter(stays),
  };
}

/** Whose definition a row was made from: in a deployment group, the member whose labels count. */
export const makerOf = (row: { readonly app: AppId; readonly origin: Origin }): AppId => appOf(row.origin) ?? row.app;

/** Who in the table answers for apps: the app itself, or the deployment group that it is the voice of. */
function answerable(table: RoutingTable, apps: ReadonlySet<AppId>): ReadonlySet<AppId> {
  const voices = table.backends.filter((backend) => apps.has(makerOf(backend)));
  return new Set([...apps, ...voices.map(({ app }) => app)]);
}

/** The app whose labels spoke for what `app` speaks for now; `app` itself but for members of deployment groups. */
export function voiceBefore(app: AppId, now: RoutingTable, before: RoutingTable): AppId {
  const spoken = now.backends.find((backend) => makerOf(backend) === app)?.app ?? app;
  const was = before.backends.find((backend) => backend.app === spoken);
  return was === undefined ? app : makerOf(was);
}

/**
 * The apps whose part of the table, servers included, is not what it was in `before`: HAProxy has not accepted it yet. In table
 * order; all apps when there was no table.
 */
export function changedApps(before: RoutingTable | undefined, after: RoutingTable): readonly AppId[] {
  const rows = [...after.backends, ...after.services, ...after.routes];
  if (before === undefined) return [...new Set(rows.map(makerOf))];
  const diffs = [
    listDiff(before.backends, after.backends, byName),
    listDiff(before.services, after.services, byFirstBind),
    listDiff(before.routes, after.routes, byRoute),
    listDiff(before.appIds, after.appIds, byAppId),
  ];
  const touched = new Set(diffs.flatMap(({ removed, added }) => [...removed, ...added].map(({ app }) => app)));
  const [was, is] = [textsOf(before, touched), textsOf(after, touched)];
  return [...new Set(rows.filter(({ app }) => touched.has(app) && was.get(app) !== is.get(app)).map(makerOf))];
}

/** Apps whose backends go by a profile that was blamed: it is written once, in the name of whoever asked for it first. */
export function sharingProfiles(table: RoutingTable, profiles: ReadonlySet<string>): ReadonlySet<AppId> {
  if (profiles.size === 0) return new Set();
  return new Set(table.backends.filter(({ profile }) => profiles.has(profileName(profile))).map(makerOf));
}

/** What is shown of a quarantined app. */
export function quarantineProblem(app: AppId, entry: Quarantined): Problem {
  const { label, value, message, step, unread } = entry;
  const out = step === 'out';
  const who = unread ? 'A label keeps from being served' : 'HAProxy refused';
  return {
    code: 'Quarantined',
    effect: out ? 'app-excluded' : 'value-ignored',
    message: printable(
      `${who} what ${app} asks for, ${out ? 'and the app is left out' : 'its last good form serves on'}: ${message}`,
      500,
    ),
    origin: label === undefined ? { from: 'app', app } : { from: 'label', app, label },
    ...(value === undefined ? {} : { value }),
  };
}

/** HAProxy's words about one app: the diagnostics of its lines if known, else the first ones. */
function wordsOf(diagnostics: readonly Diagnostic[]): string {
  const alerts = diagnostics.filter((diagnostic) => diagnostic.severity === 'alert');
  const chosen = (alerts.length > 0 ? alerts : diagnostics).slice(0, 3);
  return chosen.length === 0 ? 'the configuration with it is not valid' : chosen.map((it) => it.message).join('; ');
}

/** Everything that belongs to each of some apps, as text. */
function textsOf(table: RoutingTable, apps: ReadonlySet<AppId>): ReadonlyMap<AppId, string> {
  const texts = new Map<AppId, string>();
  for (const rows of [table.services, table.routes, table.appIds, table.backends]) {
    for (const row of rows)
      if (apps.has(row.app)) texts.set(row.app, `${texts.get(row.app) ?? ''}${JSON.stringify(row)}\n`);
  }
  return texts;
}
