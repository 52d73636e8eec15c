import { type CliDeps, type CliFailure, type DaemonFailure, EXIT, type ExitCode } from './deps.ts';

/** Says on stderr why a command ended, one line each. */
export function reportFailure(failure: CliFailure, deps: Pick<CliDeps, 'err'>): ExitCode {
  for (const message of failure.messages) deps.err(`portolan: ${message}\n`);
  return failure.exitCode;
}

/** Says on stderr why the daemon did not start or ended. */
export function reportDaemonFailure(failure: DaemonFailure, deps: Pick<CliDeps, 'err'>): ExitCode {
  switch (failure.kind) {
    case 'haproxy':
      deps.err(`portolan: ${failure.detail}, or name another one by --haproxy PATH\n`);
      return EXIT.haproxy;
    case 'failed':
      deps.err(`portolan: ${failure.detail}\n`);
      return EXIT.failed;
  }
}
