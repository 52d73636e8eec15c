import type { Command } from 'commander';
import type { CommandName } from '../core/settings-spec.ts';
import { type AskAdmin, createAdminClient } from './admin-client.ts';
import type { CliDeps, CliFailure, EndWith, ExitCode } from './deps.ts';
import { reportFailure } from './report-failure.ts';
import { addSettingOptions } from './setting-options.ts';
import { settingsFromCli } from './settings-from-cli.ts';

/** Adds what every command has that asks a running daemon. */
export function addClientOptions(command: Command, name: CommandName): Command {
  return addSettingOptions(command, name)
    .option('--admin <url>', 'ask the admin API at this URL instead of the UNIX socket in the state folder')
    .option('--json', 'print the JSON answer as it is');
}

/** Finds the daemon, lets the command ask it, and ends with the command's code or the failure. */
export async function withAdmin(
  name: CommandName,
  options: Readonly<Record<string, unknown>>,
  deps: CliDeps,
  end: EndWith,
  work: (ask: AskAdmin) => Promise<ExitCode | CliFailure>,
): Promise<void> {
  const settings = settingsFromCli(name, options, deps);
  if (!settings.ok) return end(reportFailure(settings.failure, deps));
  const url = options['admin'];
  const done = await work(createAdminClient(settings.value, typeof url === 'string' ? url : undefined));
  end(typeof done === 'number' ? done : reportFailure(done, deps));
}
