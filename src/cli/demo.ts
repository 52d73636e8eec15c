import type { Command } from 'commander';
import type { CliDeps, EndWith } from './deps.ts';

const EXAMPLES = `
Examples:
  portolan demo
  portolan demo --haproxy /usr/local/sbin/haproxy`;

/** `portolan demo`: a stand-in Marathon, real tasks, HAProxy and Portolan on loopback, until Ctrl-C. */
export function addDemoCommand(program: Command, deps: CliDeps, end: EndWith): void {
  program
    .command('demo')
    .summary('try it: a stand-in Marathon, sample apps, HAProxy and Portolan')
    .description(
      'Starts a stand-in Marathon with sample apps, HAProxy and Portolan on loopback ports, and shows each change. Ctrl-C ends all of it.',
    )
    .option('--haproxy <path>', 'the HAProxy to run (default: /usr/sbin/haproxy)')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { readonly haproxy?: string }) => {
      end(await deps.runDemo(options.haproxy === undefined ? {} : { haproxy: options.haproxy }));
    });
}
