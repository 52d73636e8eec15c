import { Command, CommanderError } from 'commander';
import { settingRows } from '../core/settings-rows.ts';
import { addConfigCommand } from './config.ts';
import { addDemoCommand } from './demo.ts';
import { type CliDeps, type EndWith, EXIT } from './deps.ts';
import { addGuardCommand } from './guard.ts';
import { addRenderCommand } from './render.ts';
import { addRoutesCommand } from './routes.ts';
import { addRunCommand } from './run.ts';
import { optionTerm } from './setting-options.ts';
import { addStatusCommand } from './status.ts';

const EXAMPLES = `
Examples:
  portolan run --marathon http://10.0.0.1:8080 --marathon http://10.0.0.2:8080 --group external
  portolan demo
  portolan render --apps apps.json --output out
  portolan routes my-app.example --wait 30s
  portolan config --app /prod/web
  portolan status --json

Exit codes: 0 done, 1 failed, 2 bad usage, 3 unreadable file, 4 HAProxy missing or too old.
Settings: flags win over PORTOLAN_* variables, these over the --config file, that over the defaults.`;

/** The whole command line. Nothing is read and nothing happens before it is parsed. */
function createProgram(deps: CliDeps, end: EndWith): Command {
  const program = new Command('portolan')
    .description('Keeps HAProxy routing to the apps that Marathon runs.')
    .version(deps.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES);
  const add = [
    addRunCommand,
    addDemoCommand,
    addRenderCommand,
    addRoutesCommand,
    addConfigCommand,
    addStatusCommand,
    addGuardCommand,
  ];
  for (const addCommand of add) addCommand(program, deps, end);
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError(true)
      .showHelpAfterError(`(see: portolan ${command === program ? '' : `${command.name()} `}--help)`)
      .configureHelp({ optionTerm, helpWidth: 110 })
      .configureOutput({ writeOut: deps.out, writeErr: deps.err });
  }
  return program;
}

/** Runs one command line (without node and script) to its end and gives the exit code; never throws. */
export async function runProgram(argv: readonly string[], deps: CliDeps): Promise<number> {
  let code: number = EXIT.ok;
  const program = createProgram(deps, (ended) => {
    code = ended;
  });
  if (argv.length === 0) {
    deps.err(program.helpInformation());
    return EXIT.usage;
  }
  const misused = switchWithValue(argv);
  if (misused !== undefined) {
    deps.err(`error: ${misused}\n`);
    return EXIT.usage;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has already said what is wrong; help and version end with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    deps.err(`portolan: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.failed;
  }
}

/** What to say about `--sse=false`: commander calls it an unknown option, and suggests nothing. */
function switchWithValue(argv: readonly string[]): string | undefined {
  for (const word of argv) {
    const [, flag, value] = /^--(?:no-)?([a-z-]+)=(.*)$/.exec(word) ?? [];
    if (flag === undefined || !settingRows().some((row) => row.flag === flag && row.kind.placeholder === undefined))
      continue;
    return `option '--${flag}' takes no value ("${value}"); expected the flag alone, for example: --${flag} or --no-${flag}`;
  }
  return undefined;
}
