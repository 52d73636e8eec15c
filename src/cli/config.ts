import type { Command } from 'commander';
import { replyFailure } from './admin-client.ts';
import { addClientOptions, withAdmin } from './client-command.ts';
import { type CliDeps, type EndWith, EXIT } from './deps.ts';

const EXAMPLES = `
Examples:
  portolan config
  portolan config --app /prod/web
  portolan config --generation 41 > old.cfg
  portolan config --against 41`;

/** `portolan config`: what the running worker has loaded. */
export function addConfigCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('config')
    .summary('print the configuration that HAProxy has loaded')
    .description('Prints the configuration that the running worker of HAProxy has loaded, byte for byte.')
    .option('--generation <number>', 'print this generation from disk instead')
    .option('--against <number>', 'print what changed since this generation, as a unified diff of all files')
    .option('--app <id>', 'print only the lines of this app, with their numbers')
    .addHelpText('after', EXAMPLES);
  addClientOptions(command, 'config').action(
    (options: {
      readonly generation?: string;
      readonly against?: string;
      readonly app?: string;
      readonly json?: true;
    }) =>
      withAdmin('config', { ...options }, deps, end, async (ask) => {
        const { generation, against, app } = options;
        for (const [flag, value] of [
          ['--generation', generation],
          ['--against', against],
        ] as const) {
          if (value === undefined || /^[1-9]\d{0,8}$/.test(value)) continue;
          const message = `${flag} "${value}"; expected the number of a generation, for example: 41`;
          return { exitCode: EXIT.usage, messages: [message] };
        }
        const reply = await ask('/config', { generation, against, app });
        if (!reply.ok) return reply.failure;
        if (reply.value.status !== 200) return replyFailure(reply.value);
        const number = Number(reply.value.headers['x-portolan-generation']);
        deps.out(
          options.json ? `${JSON.stringify({ generation: number, config: reply.value.text })}\n` : reply.value.text,
        );
        return EXIT.ok;
      }),
  );
}
