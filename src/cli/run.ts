import type { Command } from 'commander';
import { checkRun, formatSettingError } from '../core/settings-merge.ts';
import { type CliDeps, type EndWith, EXIT } from './deps.ts';
import { reportDaemonFailure, reportFailure } from './report-failure.ts';
import { addSettingOptions } from './setting-options.ts';
import { settingsFromCli } from './settings-from-cli.ts';

const EXAMPLES = `
Examples:
  portolan run --marathon http://10.0.0.1:8080 --group external
  portolan run --marathon https://m1:8443,https://m2:8443 --marathon-ca ca.pem --marathon-auth-file auth --group '*'
  portolan run --apps apps.json --group '*' --http-bind 127.0.0.1:8080 --https-bind off --state-dir ./state
  PORTOLAN_MARATHON=http://10.0.0.1:8080 PORTOLAN_GROUP=external portolan run`;

/** `portolan run`: the daemon. */
export function addRunCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('run')
    .summary('keep HAProxy routing to what Marathon runs')
    .description('Reads apps from Marathon and keeps HAProxy routing to them, until it is told to stop.')
    .addHelpText('after', EXAMPLES);
  addSettingOptions(command, 'run').action(async (options: Record<string, unknown>) => {
    const settings = settingsFromCli('run', options, deps);
    if (!settings.ok) return end(reportFailure(settings.failure, deps));
    const lacking = checkRun(settings.value);
    if (lacking.length > 0) {
      return end(reportFailure({ exitCode: EXIT.usage, messages: lacking.map(formatSettingError) }, deps));
    }
    const ended = await deps.startDaemon(settings.value);
    end(ended.ok ? EXIT.ok : reportDaemonFailure(ended.failure, deps));
  });
}
