import type { AppId } from './app.ts';
import type { Diagnostic, LineOwner } from './config.ts';
import { appOf } from './problem.ts';

/**
 * The apps whose lines HAProxy refused. Parse errors name a line; what is only found when the sections are put together
 * names a proxy, or one of its servers. Empty when nobody can be blamed. Warnings blame nobody.
 */
export function blame(diagnostics: readonly Diagnostic[], owners: readonly LineOwner[]): ReadonlySet<AppId> {
  const blamed = new Set<AppId>();
  const bySection = sectionOwners(owners);
  for (const { severity, line, message } of diagnostics) {
    if (severity !== 'alert') continue;
    const guilty = line === undefined ? namedIn(message, bySection) : [ownerOf(line, owners)];
    for (const owner of guilty) {
      const app = owner && appOf(owner.origin);
      if (app !== undefined) blamed.add(app);
    }
  }
  return blamed;
}

/** The owner of a line of haproxy.cfg (1-based), if it has that many. */
export function ownerOf(line: number, owners: readonly LineOwner[]): LineOwner | undefined {
  let low = 0;
  let high = owners.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const owner = owners[middle];
    if (owner === undefined) return undefined;
    if (line < owner.from) high = middle - 1;
    else if (line > owner.to) low = middle + 1;
    else return owner;
  }
  return undefined;
}

/** Names of proxies are unique, and those of userlists and profiles look different. */
function sectionOwners(owners: readonly LineOwner[]): ReadonlyMap<string, LineOwner> {
  return new Map(owners.map((owner) => [owner.section.slice(owner.section.indexOf(' ') + 1), owner]));
}

/** HAProxy quotes names: 'web_10000', and a server as 'web_10000/10_0_0_1_31000'. */
function namedIn(message: string, bySection: ReadonlyMap<string, LineOwner>): readonly (LineOwner | undefined)[] {
  const quoted = [...message.matchAll(/['"]([^'"]+)['"]/g)].map(([, name]) => name ?? '');
  return quoted.map((name) => bySection.get(name) ?? bySection.get(name.slice(0, name.indexOf('/'))));
}
