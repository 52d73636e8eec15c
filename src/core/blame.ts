import type { AppId } from './app.ts';
import type { Diagnostic, LineOwner } from './config.ts';
import { appOf } from './problem.ts';
import { remembered } from './remembered.ts';

/**
 * The apps whose lines HAProxy refused. Parse errors name a line; what is only found when the sections are put together
 * names a proxy or one of its servers, and may name the line of a profile that all share. Empty when nobody can be
 * blamed. Warnings blame nobody.
 */
export function blame(diagnostics: readonly Diagnostic[], owners: readonly LineOwner[]): ReadonlySet<AppId> {
  const blamed = new Set<AppId>();
  const bySection = sectionApps(owners);
  for (const { severity, line, message } of diagnostics) {
    if (severity !== 'alert') continue;
    const owner = line === undefined ? undefined : ownerOf(line, owners);
    const app = owner && appOf(owner.origin);
    for (const guilty of app === undefined ? namedIn(message, bySection) : [app]) blamed.add(guilty);
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

/** The profiles whose lines were refused for what an app asks: others may share them. */
export function blamedProfiles(diagnostics: readonly Diagnostic[], owners: readonly LineOwner[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { severity, line } of diagnostics) {
    const owner = severity === 'alert' && line !== undefined ? ownerOf(line, owners) : undefined;
    if (owner === undefined || appOf(owner.origin) === undefined) continue;
    const [kind, name] = owner.section.split(' ');
    if (kind === 'defaults' && name !== undefined) found.add(name);
  }
  return found;
}

/** App by section name. Names of proxies are unique, and those of userlists and profiles look different. */
const sectionApps = remembered((owners: readonly LineOwner[]): ReadonlyMap<string, AppId> => {
  const apps = new Map<string, AppId>();
  for (const { section, origin } of owners) {
    const app = appOf(origin);
    if (app !== undefined) apps.set(section.slice(section.indexOf(' ') + 1), app);
  }
  return apps;
});

/**
 * What stands before a name: `Proxy 'web_10000_in'`, `backend 'web_10000'`, `'server web_10000/10_0_0_1_31000'`, `userlist
 * 'user_web_10000'`, and without quotes `for frontend web_10000_in:` (HAProxy 2.6 to 3.2). A name without one of these words may
 * be a value that somebody asked for.
 */
const NAMED = /(?<![\w-])(?:proxy|frontend|backend|listen|server|userlist)\s+'?([^\s'/,;()[\]]+)/gi;

function namedIn(message: string, apps: ReadonlyMap<string, AppId>): readonly AppId[] {
  const names = [...message.matchAll(NAMED)].map(([, name = '']) => name);
  return names.flatMap((name) => apps.get(name) ?? apps.get(name.replace(/[.:]+$/, '')) ?? []);
}
