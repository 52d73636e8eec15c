import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { nearestName } from '../core/nearest.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';
import { formatSettingError, mergeSettings, type RawSetting, type RawSettings } from '../core/settings-merge.ts';
import { type SettingRow, settingRows } from '../core/settings-rows.ts';
import { type CommandName, envName } from '../core/settings-spec.ts';
import { type CliDeps, type CliFailure, EXIT } from './deps.ts';
import { DEFAULT_CONFIG, readSettingsFile } from './settings-file.ts';

/**
 * Settings of one command from its flags (commander's options by camel-case key), the environment and the configuration file.
 * Relative paths count from the working directory, in the file from the file's folder.
 * Only what the command takes is looked at: a wrong `--admin-bind` in the file does not stop `render`.
 */
export function settingsFromCli(
  command: CommandName,
  options: Readonly<Record<string, unknown>>,
  deps: Pick<CliDeps, 'env' | 'cwd' | 'err' | 'defaultConfig'>,
): Result<Settings, CliFailure> {
  const rows = settingRows(command);
  const file = fileSettings(command, options['config'], deps);
  if (!file.ok) return file;
  for (const warning of strangeVariables(deps.env)) deps.err(`portolan: ${warning}\n`);
  const merged = mergeSettings({
    flags: absolute(flagSettings(rows, options), rows, deps.cwd),
    env: absolute(envSettings(rows, deps.env), rows, deps.cwd),
    file: absolute(only(rows, file.value.raw), rows, file.value.folder),
  });
  return merged.ok ? merged : fail({ exitCode: EXIT.usage, messages: merged.failure.map(formatSettingError) });
}

function fileSettings(
  command: CommandName,
  flag: unknown,
  deps: Pick<CliDeps, 'env' | 'cwd' | 'defaultConfig'>,
): Result<{ readonly raw: RawSettings; readonly folder: string }, CliFailure> {
  const named = typeof flag === 'string' ? flag : deps.env['PORTOLAN_CONFIG'] || undefined;
  const path = resolve(deps.cwd, named ?? deps.defaultConfig ?? DEFAULT_CONFIG);
  const folder = dirname(path);
  if (named === undefined && !existsSync(path)) return ok({ raw: new Map(), folder });
  const read = readSettingsFile(path);
  if (read.ok) return ok({ raw: read.value, folder });
  // Whoever only asks a running daemon may be a user who must not read its configuration.
  const asks = command !== 'run' && command !== 'render';
  if (named === undefined && asks) return ok({ raw: new Map(), folder });
  return read;
}

function flagSettings(rows: readonly SettingRow[], options: Readonly<Record<string, unknown>>): RawSettings {
  const raw = new Map<string, RawSetting>();
  for (const { key, flag } of rows) {
    const value = options[key];
    if (value !== undefined) raw.set(flag, { value, at: `--${flag}` });
  }
  return raw;
}

/** An empty variable counts as not set, as compose files pass them on. */
function envSettings(rows: readonly SettingRow[], env: CliDeps['env']): RawSettings {
  const raw = new Map<string, RawSetting>();
  for (const { flag } of rows) {
    const value = env[envName(flag)];
    if (value !== undefined && value !== '') raw.set(flag, { value, at: envName(flag) });
  }
  return raw;
}

function only(rows: readonly SettingRow[], raw: RawSettings): RawSettings {
  return new Map([...raw].filter(([flag]) => rows.some((row) => row.flag === flag)));
}

function absolute(raw: RawSettings, rows: readonly SettingRow[], folder: string): RawSettings {
  const resolved = new Map(raw);
  for (const { flag, kind } of rows) {
    const found = raw.get(flag);
    if (found === undefined || kind.holds === undefined) continue;
    const one = (text: string) =>
      text === '' || (kind.holds === 'command' && !text.includes('/')) ? text : resolve(folder, text);
    const all = (text: string) =>
      kind.repeatable
        ? text
            .split(',')
            .map((part) => one(part.trim()))
            .join(',')
        : one(text.trim());
    const { value } = found;
    if (typeof value === 'string') resolved.set(flag, { ...found, value: all(value) });
    if (Array.isArray(value)) {
      resolved.set(flag, {
        ...found,
        value: value.map((entry: unknown) => (typeof entry === 'string' ? all(entry) : entry)),
      });
    }
  }
  return resolved;
}

/** Variables that look like a slip of the pen. Others are left alone: container platforms set PORTOLAN_… for a service of that name. */
function strangeVariables(env: CliDeps['env']): readonly string[] {
  const known = [...settingRows().map((row) => envName(row.flag)), 'PORTOLAN_CONFIG'];
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('PORTOLAN_') || known.includes(name)) continue;
    const own = name.slice('PORTOLAN_'.length);
    const nearest = nearestName(
      own,
      known.map((other) => other.slice('PORTOLAN_'.length)),
    );
    if (nearest !== undefined)
      warnings.push(`${name} is no setting and has no effect; did you mean PORTOLAN_${nearest}?`);
  }
  return warnings;
}
