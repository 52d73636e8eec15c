import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { failureModes, type Row } from './failure-modes.ts';

/** One line of the table: a scenario as it went. */
export interface Outcome {
  readonly suite: string;
  readonly fault: string;
  readonly rows: readonly Row[];
  /** Portolan was killed and started in the middle. */
  readonly restarted: boolean;
  /** From the fault to its end. */
  readonly lastedMs: number;
  readonly asked: number;
  readonly failed: number;
  /** Of `failed`: deaths of a task itself. */
  readonly excused: number;
  readonly retried: number;
  readonly state: string;
  /** From the end of the fault until all was well; absent: never. */
  readonly recoveredMs?: number;
  /** Why the test failed. */
  readonly wrong?: string;
}

const ROOT = resolve(import.meta.dirname, '../../..');
const FILE = resolve(ROOT, 'node_modules/.cache/portolan-faults.ndjson');

/** Notes how a scenario went, for the table at the end of the run. */
export function report(outcome: Outcome): void {
  mkdirSync(resolve(FILE, '..'), { recursive: true });
  appendFileSync(FILE, `${JSON.stringify(outcome)}\n`);
}

/** What has been noted since the file was removed. */
export function outcomes(): readonly Outcome[] {
  let text = '';
  try {
    text = readFileSync(FILE, 'utf8');
  } catch {
    // No scenario ran.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome);
}

/** The rows that neither a scenario injected nor `failure-modes.ts` gives a reason to leave out. */
export function missing(all: readonly Outcome[]): readonly Row[] {
  const shown = new Set(all.flatMap(({ rows }) => rows));
  return failureModes().flatMap(([row, note]) => (shown.has(row) || note.leftOut !== undefined ? [] : [row]));
}

/** The table as text, with the rows that were left out and why. */
export function tableOf(all: readonly Outcome[]): string {
  const head = ['fault', 'rows', 'duration', 'requests', 'failed', 'state reported', 'recovered after'];
  const lines = all.map((one) => [
    `${one.fault}${one.restarted ? ' + Portolan restarted' : ''}`,
    one.rows.join(' '),
    seconds(one.lastedMs),
    String(one.asked),
    `${one.failed - one.excused}${one.excused > 0 ? ` (+${one.excused} of dead tasks)` : ''}`,
    one.state,
    `${one.recoveredMs === undefined ? 'never' : seconds(one.recoveredMs)}${one.wrong === undefined ? '' : '  FAILED'}`,
  ]);
  const asked = all.reduce((sum, one) => sum + one.asked, 0);
  const failed = all.reduce((sum, one) => sum + one.failed - one.excused, 0);
  const left = failureModes().flatMap(([row, { title, leftOut }]) =>
    leftOut === undefined ? [] : [`  ${row} (${title}): ${leftOut}`],
  );
  const absent = missing(all).map((row) => row);
  return [
    ...aligned([head, ...lines]),
    '',
    `${all.length} faults, ${asked} requests, ${failed} failed`,
    'Failure modes left out:',
    ...left,
    ...(absent.length === 0 ? [] : [`Failure modes that no scenario of this run injected: ${absent.join(', ')}`]),
  ].join('\n');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_head, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
