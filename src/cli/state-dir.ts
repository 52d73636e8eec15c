import { access, constants, stat } from 'node:fs/promises';
import { fail, ok, type Result } from '../core/result.ts';
import { socketPathProblem, statePaths } from '../haproxy/paths.ts';
import type { DaemonFailure } from './deps.ts';
import { makeFolder } from './make-folder.ts';

/**
 * Makes the state directory if it is missing, and checks what would only fail later and worse: that it is a folder, that
 * it may be written, that its path leaves room for the names of sockets.
 */
export async function prepareStateDir(stateDir: string): Promise<Result<void, DaemonFailure>> {
  const tooLong = socketPathProblem(statePaths(stateDir));
  if (tooLong !== undefined) return refused(`${tooLong}; choose a shorter one`);
  try {
    await makeFolder(stateDir, 0o750);
    if (!(await stat(stateDir)).isDirectory())
      return refused(`the state directory ${stateDir} is a file; choose another`);
  } catch (error) {
    return refused(`cannot make the state directory ${stateDir}: ${messageOf(error)}; choose another one`);
  }
  try {
    await access(stateDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    // A file system that has turned read-only still holds the last good configuration.
    if (error instanceof Error && 'code' in error && error.code === 'EROFS') return ok(undefined);
    return refused(
      `the state directory ${stateDir} may not be written by this user (${messageOf(error)}); give it to the user that Portolan runs as, or choose another one`,
    );
  }
  return ok(undefined);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function refused(detail: string): Result<never, DaemonFailure> {
  return fail({ kind: 'failed', detail: `${detail} with --state-dir, for example: --state-dir /var/lib/portolan` });
}
