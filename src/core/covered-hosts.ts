import type { AppId } from './app.ts';
import type { Claim } from './claims.ts';
import { hostOf } from './conflict-problems.ts';
import type { Difference } from './difference.ts';
import type { Problem } from './problem.ts';
import { printable } from './problem.ts';
import type { HostWanted } from './service-claims.ts';

/** Notices for the owners of wildcards of which other apps have hosts: the most specific one wins, which they may not expect. */
export type CoveredHosts = (granted: Difference<Claim<HostWanted>>) => Difference<Problem>;

/** Claims of one domain: `*.example.com`, and the hosts right below it. */
interface Domain {
  readonly wildcards: Set<Claim<HostWanted>>;
  readonly hosts: Set<Claim<HostWanted>>;
  /** How many of `hosts` each holder has. */
  readonly counts: Map<AppId, number>;
  told: readonly Problem[];
}

/** Hosts that a notice names; of a catch-all that half of the cluster is below, it gives the number alone. */
const MOST_NAMED = 20;

/** Nobody has anything yet. Domains that no change touches are not looked at. */
export function createCoveredHosts(): CoveredHosts {
  const domains = new Map<string, Domain>();

  function domainOf({ wants: { route } }: Claim<HostWanted>): string {
    return route.match === 'wildcard' ? route.host : route.host.slice(Math.max(0, route.host.indexOf('.')));
  }

  function change(claims: readonly Claim<HostWanted>[], put: boolean, touched: Set<string>): void {
    for (const claim of claims) {
      const name = domainOf(claim);
      const domain = domains.get(name) ?? { wildcards: new Set(), hosts: new Set(), counts: new Map(), told: [] };
      domains.set(name, domain);
      const isHost = claim.wants.route.match === 'host';
      const among = isHost ? domain.hosts : domain.wildcards;
      if (put) among.add(claim);
      else among.delete(claim);
      if (isHost) domain.counts.set(claim.holder, (domain.counts.get(claim.holder) ?? 0) + (put ? 1 : -1));
      touched.add(name);
    }
  }

  return ({ gone, came }) => {
    const touched = new Set<string>();
    change(gone, false, touched);
    change(came, true, touched);
    const before: Problem[] = [];
    const after: Problem[] = [];
    for (const name of touched) {
      const domain = domains.get(name);
      if (domain === undefined) continue;
      before.push(...domain.told);
      domain.told = domain.wildcards.size === 0 ? [] : noticesOf(domain);
      after.push(...domain.told);
      if (domain.wildcards.size + domain.hosts.size === 0) domains.delete(name);
    }
    return { gone: before, came: after };
  };
}

function noticesOf({ wildcards, hosts, counts }: Domain): readonly Problem[] {
  return [...wildcards].flatMap(({ holder, wants: { route } }) => {
    const others = hosts.size - (counts.get(holder) ?? 0);
    if (others === 0) return [];
    const named = hosts.size > MOST_NAMED ? [] : [...hosts].filter((host) => host.holder !== holder);
    const names = [...new Set(named.map(({ app, wants }) => `${wants.route.host} of ${app}`))].sort();
    const whose = names.length === 0 ? `${others} hosts and paths of other apps` : names.slice(0, 3).join(', ');
    const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
    const says = `${hostOf(route)} does not get the requests for ${whose}${more}: the most specific name wins`;
    const subject = route.origin.from === 'label' ? `${route.origin.label} of ${route.origin.app}` : route.app;
    const message = printable(`${subject}: ${says}.`, 500);
    return [{ code: 'HostnameConflict', effect: 'notice', message, origin: route.origin }];
  });
}
