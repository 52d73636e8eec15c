import { constants, setPriority } from 'node:os';
import { execa } from 'execa';
import type { Diagnostic } from '../core/config.ts';
import type { ValidationFailure } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { parseDiagnostics } from './diagnostics.ts';
import type { HaproxyEnvironment } from './version.ts';

/** How a validation is run. */
export interface ValidatorOptions {
  /** Absolute path of HAProxy. */
  readonly binary: string;
  readonly environment: HaproxyEnvironment;
  /** After this long HAProxy is killed: 10,000 backends take 0.45 s. */
  readonly deadlineMs: number;
  /** It takes only the time that nobody else wants. */
  readonly background?: boolean;
}

/** Exit code of a killed run; what matters is only that it is none of HAProxy's own. */
type Outcome = 'deadline' | 'aborted';

/**
 * Runs `haproxy -c` on the configuration in `folder`, as the master will read it: from its own folder.
 * @returns the warnings of a valid configuration
 */
export async function validateFolder(
  options: ValidatorOptions,
  folder: string,
  signal: AbortSignal,
): Promise<Result<readonly Diagnostic[], ValidationFailure>> {
  const child = execa(options.binary, ['-c', '-C', folder, '-f', 'haproxy.cfg'], {
    cwd: folder,
    env: options.environment,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    maxBuffer: 1_000_000,
    // A group of its own: a wrapper script and the HAProxy below it end together.
    detached: true,
  });
  if (options.background === true) giveWay(child.pid);
  let stop: (how: Outcome) => void = () => {};
  const stopped = new Promise<Outcome>((resolve) => {
    stop = resolve;
  });
  const onAbort = (): void => stop('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timer = setTimeout(() => stop('deadline'), options.deadlineMs);
  // Raced by hand: execa waits for as long as anything holds stderr open, whatever its own timeout did.
  const ended = await Promise.race([child, stopped]);
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);
  if (ended === 'deadline' || ended === 'aborted') {
    killGroup(child.pid);
    return fail({
      kind: 'timeout',
      detail: ended === 'aborted' ? 'haproxy -c was aborted' : `haproxy -c took longer than ${options.deadlineMs} ms`,
    });
  }
  const diagnostics = parseDiagnostics(ended.stderr);
  if (ended.exitCode === 0) return ok(diagnostics.filter(({ severity }) => severity === 'warning'));
  const alerts = diagnostics.some(({ severity }) => severity === 'alert');
  // No exit code: it could not be started, or was killed (out of memory, …). Nothing is said about the configuration.
  if (ended.exitCode === undefined && !alerts)
    return fail({ kind: 'binary', detail: ended.shortMessage ?? 'haproxy -c could not be run' });
  if (ended.exitCode === 127 && !alerts)
    return fail({ kind: 'binary', detail: `${options.binary} exited with code 127` });
  if (alerts) return fail({ kind: 'invalid', diagnostics });
  const message = lastLine(ended.stderr) ?? `haproxy -c exited with code ${ended.exitCode} and said nothing`;
  return fail({ kind: 'invalid', diagnostics: [...diagnostics, { severity: 'alert', message }] });
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1) || undefined;
}

function giveWay(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It ended by itself in the meantime.
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
