import type { AppId } from '../core/app.ts';
import type { LineOwner } from '../core/config.ts';
import type { Origin } from '../core/problem.ts';

/** Name of the file that says which lines of haproxy.cfg are whose. It is no part of the configuration. */
export const OWNERS_NAME = 'owners.json';

/** The file's text, one owner a line. */
export function* ownerLines(owners: Iterable<LineOwner>): Generator<string> {
  let separator = '[\n';
  for (const { from, to, section, origin } of owners) {
    yield `${separator}${JSON.stringify([from, to, section, origin])}`;
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

/** Reads it. Undefined where it is not what `ownerLines` writes. */
export function parseOwners(text: string): readonly LineOwner[] | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows)) return undefined;
  const owners: LineOwner[] = [];
  // By hand: a schema takes ten times as long, and there are tens of thousands of rows.
  for (const row of rows as readonly unknown[]) {
    if (!Array.isArray(row)) return undefined;
    const [from, to, section, given] = row as readonly unknown[];
    const origin = originOf(given);
    if (!isLine(from) || !isLine(to) || typeof section !== 'string' || origin === undefined) return undefined;
    owners.push({ from, to, section, origin });
  }
  return owners;
}

const isLine = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

function originOf(given: unknown): Origin | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { from, name, app, label } = given as Readonly<Record<string, unknown>>;
  if (from === 'default') return { from };
  if (from === 'setting' && typeof name === 'string') return { from, name };
  if (from === 'app' && typeof app === 'string') return { from, app: app as AppId };
  if (from === 'label' && typeof app === 'string' && typeof label === 'string')
    return { from, app: app as AppId, label };
  return undefined;
}
