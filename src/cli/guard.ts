import type { Command } from 'commander';
import { replyFailure } from './admin-client.ts';
import { addClientOptions, withAdmin } from './client-command.ts';
import { type CliDeps, type EndWith, EXIT } from './deps.ts';

const EXAMPLES = `
Examples:
  portolan status
  portolan guard accept`;

/** `portolan guard accept`: an operator believes the answer that is held. */
export function addGuardCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('guard')
    .summary('decide about an answer of Marathon that is held')
    .description(
      'Decides about an answer of Marathon that lacks so many routes that it is not believed. accept: it is right, and what it lacks goes.',
    )
    .argument('<decision>', 'accept')
    .addHelpText('after', EXAMPLES);
  addClientOptions(command, 'guard').action((decision: string, options: { readonly json?: true }) => {
    if (decision !== 'accept') {
      deps.err(`error: guard "${decision}": expected accept, for example: portolan guard accept\n`);
      return end(EXIT.usage);
    }
    return withAdmin('guard', { ...options }, deps, end, async (ask) => {
      const reply = await ask('/v1/guard/accept', {}, { method: 'POST' });
      if (!reply.ok) return reply.failure;
      if (reply.value.status !== 200) return replyFailure(reply.value);
      deps.out(
        options.json ? `${reply.value.text}\n` : 'accepted: what the newest answer of Marathon lacks goes now\n',
      );
      return EXIT.ok;
    });
  });
}
