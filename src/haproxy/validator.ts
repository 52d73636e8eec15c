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
  /** It takes only the time that nobody else wants, which may be none. */
  readonly background?: boolean;
}

/** Exit code of a killed run; what matters is only that it is none of HAProxy's own. */
type Outcome = 'deadline' | 'aborted';

/**
 * A shell that gives way to everybody before it becomes what it is told to. Linux shares the CPU out among sessions first
 * (`sched_autogroup`): a niceness counts within one only, and a group of its own comes with a session. And the least of all shares
 * may still keep a CPU for 3 ms before somebody who wakes up gets it, several times in one change: only an idle task is put aside at
 * once (Linux 6.18: a new route took 31 ms while a check went on, 23 with that). What cannot be had is done without.
 */
const GIVING_WAY: readonly string[] = [
  'sh',
  '-c',
  '{ echo 19 > /proc/self/autogroup; renice -n 19 -p $$; chrt -i -p 0 $$; } > /dev/null 2>&1; exec "$@"',
  'sh',
];

/**
 * Runs `haproxy -c` on the configuration in `folder`, as the master will read it: from its own folder.
 * @returns the warnings of a valid configuration
 */
export async function validateFolder(
  options: ValidatorOptions,
  folder: string,
  signal: AbortSignal,
): Promise<Result<readonly Diagnostic[], ValidationFailure>> {
  const [command = options.binary, ...words] = [
    ...(options.background === true ? GIVING_WAY : []),
    ...[options.binary, '-c', '-C', folder, '-f', 'haproxy.cfg'],
  ];
  const child = execa(command, words, {
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
  // What a shell says of a program that it cannot start (126) or find (127).
  if ((ended.exitCode === 126 || ended.exitCode === 127) && !alerts)
    return fail({ kind: 'binary', detail: `${options.binary} exited with code ${ended.exitCode}` });
  if (alerts) return fail({ kind: 'invalid', diagnostics });
  const message = lastLine(ended.stderr) ?? `haproxy -c exited with code ${ended.exitCode} and said nothing`;
  return fail({ kind: 'invalid', diagnostics: [...diagnostics, { severity: 'alert', message }] });
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1) || undefined;
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
