import { createMetrics } from '../../src/admin/metrics.ts';
import { LABELS, spellLabel, TEMPLATE_LABELS } from '../../src/core/labels.ts';
import { PROBLEM_CODES } from '../../src/core/problem.ts';
import { RELOAD_WORDS } from '../../src/core/reload-reason.ts';
import { mergeSettings } from '../../src/core/settings-merge.ts';
import { settingRows } from '../../src/core/settings-rows.ts';
import { envName } from '../../src/core/settings-spec.ts';
import { initialState } from '../../src/core/state.ts';

/** The README's tables, made from the code's own. */
export async function referenceTables(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['settings', settings()],
    ['labels', labels()],
    ['problems', problems()],
    ['metrics', await metrics()],
    ['reload reasons', reloadReasons()],
  ]);
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
const table = (heads: readonly string[], rows: readonly string[]): string =>
  [row(...heads), row(...heads.map(() => '---')), ...rows].join('\n');
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

function settings(): string {
  const rows = settingRows().map(({ flag, help, default: preset, example, commands }) =>
    row(
      code(example === 'true' || example === 'false' ? `--[no-]${flag}` : `--${flag}`),
      `${help}.`,
      preset === undefined ? '' : code(preset),
      code(example),
      commands.join(', '),
    ),
  );
  return `${table(['flag', 'what it sets', 'default', 'example', 'commands'], rows)}\n\nThe environment variable of a flag is its name in capitals: ${code('--poll-interval')} is ${code(envName('poll-interval'))}.`;
}

function labels(): string {
  const rows = Object.values(LABELS).map(({ name, level, values, default: preset, example, doc }) =>
    row(code(level === 'port' ? spellLabel(name, '{n}') : spellLabel(name)), doc, values, preset, code(example)),
  );
  const overrides = [...TEMPLATE_LABELS].sort().map((name) => code(spellLabel(name, '{n}')));
  return `${table(['label', 'what it does', 'kind', 'default', 'example'], rows)}\n\nmarathon-lb’s template overrides are reported by name (${code('LabelNotYetHonoured')}) and have no effect yet: ${overrides.join(', ')}.`;
}

function problems(): string {
  return table(
    ['code', 'what it means'],
    Object.entries(PROBLEM_CODES).map(([name, text]) => row(code(name), text)),
  );
}

function reloadReasons(): string {
  return table(
    ['reason', 'what it means'],
    Object.entries(RELOAD_WORDS).map(([word, text]) => row(code(word), text)),
  );
}

async function metrics(): Promise<string> {
  const defaults = mergeSettings({ flags: new Map(), env: new Map(), file: new Map() });
  if (!defaults.ok) throw new Error('the defaults do not fit together');
  const text = await createMetrics({ version: 'x', endpoints: [] }).text(initialState('x', defaults.value, 0), 0);
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) =>
    row(code(name), types.get(name) ?? '', help),
  );
  return table(['metric', 'type', 'what it says'], rows.sort());
}
