import { fail, ok, type Result } from '../core/result.ts';
import type { RuntimeCommand } from '../core/runtime.ts';
import { payloadLines, type RuntimeLine } from './runtime-lines.ts';
import { countRows, openVersions, versionOf } from './runtime-replies.ts';
import { askExpecting, type Unfinished } from './runtime-tasks.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** A version whose rows are not all there is thrown away; this often it is tried. */
const ATTEMPTS = 2;

/**
 * Replaces the rows of a map at once: a version of its own is filled, counted and committed.
 *
 * HAProxy (2.6 to 3.2 at least) commits a version that lacks rows without a word, and then every name that is not there
 * answers 503. Two open versions can crash it, so one that somebody left behind is emptied first.
 */
export async function replaceMap(
  worker: RuntimeWorker,
  { map, rows }: Extract<RuntimeCommand, { do: 'replace-map' }>,
): Promise<Result<void, Unfinished>> {
  const clear = (version: number): RuntimeLine => line(`clear map @${version} ${map}`, 'silence');
  const listing = await askExpecting(worker, [line('show map', 'any')]);
  if (!listing.ok) return listing;
  const swept = await askExpecting(worker, openVersions(listing.value[0] ?? '', map).map(clear));
  if (!swept.ok) return swept;
  let counted = 0;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const prepared = await askExpecting(worker, [line(`prepare map ${map}`, 'version')]);
    if (!prepared.ok) return prepared;
    const version = versionOf(prepared.value[0] ?? '') ?? 0;
    const filled = await askExpecting(worker, [
      // A payload that was refused shows in the count.
      ...payloadLines(map, version, rows),
      line(`show map @${version} ${map}`, 'any'),
    ]);
    if (!filled.ok) return filled;
    counted = countRows(filled.value.at(-1) ?? '');
    const whole = counted === rows.size;
    const closed = await askExpecting(worker, [
      whole ? line(`commit map @${version} ${map}`, 'silence') : clear(version),
    ]);
    if (!closed.ok) return closed;
    if (whole) return ok(undefined);
  }
  return fail({ is: 'refused', reply: `${counted} of ${rows.size} rows arrived in ${map}` });
}

const line = (text: string, expect: RuntimeLine['expect']): RuntimeLine => ({ text, payload: false, expect });
