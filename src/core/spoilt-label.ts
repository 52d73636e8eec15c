import type { App } from './app.ts';
import { readOneLabel } from './label-reader.ts';
import type { LabelKey } from './labels.ts';
import type { Problem } from './problem.ts';

/** Asked for so that nobody gets in: where it cannot be understood, and never was, the port is rather not served. */
const PROTECTS: ReadonlySet<LabelKey> = new Set<LabelKey>(['auth', 'allowedNetworks']);

type Read = NonNullable<ReturnType<typeof readOneLabel>>;

/**
 * The problem with a label that cannot be understood, where the app would lose by it what `good`, its last good definition,
 * has: a host, a path, an address, an algorithm. A slip in a label must not take away what works. Undefined: nothing is lost
 * by any label; or a protection is asked for that it did not have, without which it must not be served.
 */
export function spoiltLabel(app: App, good: App): Problem | undefined {
  if (app.labels === good.labels) return undefined;
  let spoilt: Problem | undefined;
  for (const [label, text] of app.labels) {
    const before = good.labels.get(label);
    if (before === text || !label.startsWith('HAPROXY_')) continue;
    const now = readOneLabel(app.id, label, text);
    const [problem] = now?.problems.filter(({ effect }) => effect !== 'notice') ?? [];
    if (now === undefined || problem === undefined) continue;
    const then = before === undefined ? undefined : readOneLabel(app.id, label, before);
    const had = then !== undefined && then.value !== undefined && !refuses(then);
    if (!had && PROTECTS.has(now.key)) return undefined;
    if (had ? isLess(then.value, now) : refuses(now)) spoilt ??= problem;
  }
  return spoilt;
}

const refuses = ({ problems }: Pick<Read, 'problems'>): boolean =>
  problems.some(({ effect }) => effect === 'route-refused');

/** Whether anything of `before` is missing now. Of a list, what else is bad in it costs nothing. */
function isLess(before: unknown, now: Read): boolean {
  if (now.value === undefined || refuses(now)) return true;
  if (!Array.isArray(before) || !Array.isArray(now.value)) return JSON.stringify(before) !== JSON.stringify(now.value);
  const has = new Set(now.value.map((entry) => JSON.stringify(entry)));
  return before.some((entry) => !has.has(JSON.stringify(entry)));
}
