import { access, chmod, constants, readdir, stat } from 'node:fs/promises';
import { fail, ok, type Result } from '../core/result.ts';
import { socketPathProblem, statePaths } from '../haproxy/paths.ts';
import type { DaemonFailure } from './deps.ts';
import { makeFolder } from './make-folder.ts';

/**
 * Makes the state directory if it is missing, and checks what would only fail later and worse: that it is a folder, that
 * it may be written, that its path leaves room for the names of sockets, that it is closed to others. Gives what whoever runs it
 * should know of it.
 */
export async function prepareStateDir(stateDir: string): Promise<Result<string | undefined, DaemonFailure>> {
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
  return ok(await closed(stateDir));
}

/** Closes a folder to others that existed and was open to them: passwords and keys are in it. Says so where that is not ours to do. */
async function closed(stateDir: string): Promise<string | undefined> {
  const { mode } = await stat(stateDir);
  if ((mode & OPEN) === 0) return undefined;
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  const told = `the state directory ${stateDir} is open to others (mode ${shown}) and holds passwords and keys: chmod 0750 ${stateDir}`;
  const names = await readdir(stateDir);
  const isOurs = (mode & STICKY) === 0 && (names.length === 0 || names.includes('generations'));
  if (!isOurs) return told;
  try {
    await chmod(stateDir, mode & 0o7777 & ~OPEN);
    return undefined;
  } catch {
    return told;
  }
}

/** Writing for the group, anything for others. */
const OPEN = 0o027;
/** On folders that everybody may put things into. */
const STICKY = 0o1000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function refused(detail: string): Result<never, DaemonFailure> {
  return fail({ kind: 'failed', detail: `${detail} with --state-dir, for example: --state-dir /var/lib/portolan` });
}
