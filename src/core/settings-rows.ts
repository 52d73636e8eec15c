import type { Settings } from './settings.ts';
import type { CommandName, SettingSpec } from './settings-spec.ts';
import { SETTINGS_TABLE } from './settings-table.ts';

/** A row of the table with its key and nothing left open, for those who walk over all of them. */
export type SettingRow = Required<Pick<SettingSpec<unknown>, 'flag' | 'kind' | 'help' | 'example' | 'commands'>> & {
  readonly key: keyof Settings;
  readonly default: string | undefined;
};

/** The table as rows, in its order; for one command only when one is named. */
export function settingRows(taker?: CommandName): readonly SettingRow[] {
  // A kind formats only its own type, hence the detour over unknown: rows are for reading names and texts.
  const entries = Object.entries(SETTINGS_TABLE) as unknown as readonly [keyof Settings, SettingSpec<unknown>][];
  return entries
    .map(([key, spec]) => ({
      key,
      flag: spec.flag,
      kind: spec.kind,
      help: spec.help,
      default: spec.default,
      example: spec.example ?? spec.default ?? '',
      commands: spec.commands ?? (['run'] as const),
    }))
    .filter((row) => taker === undefined || row.commands.includes(taker));
}
