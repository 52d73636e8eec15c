/** What a figure has to be to count as good. */
export type Goal = { readonly most: number } | { readonly least: number };

/** One figure of a bench. */
export interface Measurement {
  /** Letter of the scenario, as `--only` takes it. */
  readonly scenario: string;
  readonly what: string;
  /** Apps in the cluster while it was measured. */
  readonly apps: number;
  readonly value: number;
  readonly unit: 'ms' | 'ms CPU' | 's CPU' | 'MB' | 'fds' | 'processes' | 'req/s' | 'µs CPU/req' | 'ratio' | 'count';
  /** The same without Portolan, measured in the same run. */
  readonly yardstick?: number;
  readonly goal?: Goal;
  /** How many values it was made from. */
  readonly samples?: number;
}

/** Whether a figure meets its goal; undefined where it has none. */
export function passes({ value, goal }: Measurement): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'most' in goal ? value <= goal.most : value >= goal.least;
}

/** The q-th quantile (0–1) of the values by nearest rank; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/** The middle of the values; NaN of none. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A table for people: one line per figure. */
export function toTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((each) => {
    const { scenario, what, apps, value, unit, yardstick, goal, samples } = each;
    const good = passes(each);
    return [
      scenario,
      what,
      String(apps),
      `${show(value)} ${unit}`,
      yardstick === undefined ? '' : show(yardstick),
      yardstick === undefined ? '' : (value / yardstick).toFixed(2),
      goal === undefined ? '' : 'most' in goal ? `≤ ${show(goal.most)}` : `≥ ${show(goal.least)}`,
      good === undefined ? '' : good ? 'pass' : 'FAIL',
      samples === undefined ? '' : String(samples),
    ];
  });
  const table = [['', 'what', 'apps', 'value', 'yardstick', 'ratio', 'goal', '', 'n'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function show(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
