import type { AppId } from '../core/app.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { TemplateSources } from '../core/config.ts';
import type { Problem } from '../core/problem.ts';
import type { Quarantined } from '../core/quarantine.ts';
import { definitionsOf, quarantineProblem, withoutApps } from '../core/quarantine.ts';
import type { RoutingTable } from '../core/routing.ts';

/** Who is left out, from pass to pass. */
export interface KeptQuarantine {
  /** Lets go of those worth another try: all when templates or certificates changed, each after a long time. True if any was. */
  review(templates: TemplateSources, certificates: CertificateSet, now: number): boolean;
  /** The table without the apps left out. An app that asks for something else than it did is tried again. */
  filter(table: RoutingTable): RoutingTable;
  add(table: RoutingTable, culprits: ReadonlyMap<AppId, string>, now: number): void;
  problems(): readonly Problem[];
}

/** An empty quarantine. `retryMs`: see `Timings`. */
export function createKeptQuarantine(retryMs: number): KeptQuarantine {
  const entries = new Map<AppId, Quarantined>();
  let surroundings = '';
  let sources: readonly unknown[] = [];

  const surroundingsOf = (templates: TemplateSources, certificates: CertificateSet): string => {
    if (templates === sources[0] && certificates === sources[1]) return surroundings;
    sources = [templates, certificates];
    return JSON.stringify(sources);
  };
  const release = (apps: readonly AppId[]): boolean => {
    for (const app of apps) entries.delete(app);
    return apps.length > 0;
  };

  return {
    review(templates, certificates, now) {
      const before = surroundings;
      surroundings = surroundingsOf(templates, certificates);
      if (surroundings !== before) return release([...entries.keys()]);
      return release([...entries].filter(([, entry]) => now - entry.since >= retryMs).map(([app]) => app));
    },
    filter(table) {
      if (entries.size === 0) return table;
      const asked = definitionsOf(table, entries.keys());
      release([...entries].filter(([app, entry]) => asked.get(app) !== entry.definition).map(([app]) => app));
      return withoutApps(table, entries);
    },
    add(table, culprits, now) {
      const asked = definitionsOf(table, culprits.keys());
      for (const [app, message] of culprits) {
        entries.set(app, { definition: asked.get(app) ?? '', since: now, message });
      }
    },
    problems: () => [...entries].map(([app, entry]) => quarantineProblem(app, entry)),
  };
}
