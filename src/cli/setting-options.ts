import { type Command, Option } from 'commander';
import { type SettingRow, settingRows } from '../core/settings-rows.ts';
import { type CommandName, envName } from '../core/settings-spec.ts';
import { DEFAULT_CONFIG } from './settings-file.ts';

/** Adds the flags of every setting that the command takes, and `--config`. */
export function addSettingOptions(command: Command, name: CommandName): Command {
  for (const row of settingRows(name)) {
    for (const option of optionsOf(row)) command.addOption(option);
  }
  const help = `YAML file with settings, its keys are the names of these flags (default: ${DEFAULT_CONFIG}, if it exists; PORTOLAN_CONFIG)`;
  return command.addOption(new Option('--config <path>', help));
}

function optionsOf(row: SettingRow): readonly Option[] {
  const help = `${row.help} (${[defaultText(row), envName(row.flag)].filter((part) => part !== '').join('; ')})`;
  if (row.kind.placeholder === undefined) {
    // Both forms exist, so that a flag can overrule environment and file either way; help shows them as one.
    return [new Option(`--${row.flag}`, help), new Option(`--no-${row.flag}`, help).hideHelp()];
  }
  const option = new Option(`--${row.flag} ${row.kind.placeholder}`, help);
  if (row.kind.repeatable)
    option.argParser((value: string, all: readonly string[] | undefined) => [...(all ?? []), value]);
  return [option];
}

function defaultText(row: SettingRow): string {
  if (row.default !== undefined)
    return row.kind.repeatable ? `default: ${row.default}; repeatable` : `default: ${row.default}`;
  return row.kind.repeatable ? 'repeatable' : '';
}

/** How an option is listed: switches with both forms, `--[no-]sse`. */
export function optionTerm(option: Option): string {
  const isSwitch = !option.required && !option.optional && option.long !== '--help' && option.long !== '--version';
  const known = isSwitch && settingRows().some((row) => `--${row.flag}` === option.long);
  return known ? `--[no-]${option.long?.slice(2) ?? ''}` : option.flags;
}
