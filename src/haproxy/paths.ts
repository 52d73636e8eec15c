import { join } from 'node:path';

/** Where everything of one state directory lives. All paths are absolute when the state directory is. */
export interface StatePaths {
  readonly root: string;
  readonly generations: string;
  /** Symlink to the generation that HAProxy reads at its next start or reload. */
  readonly current: string;
  /** Symlink to the last generation that a worker was seen to run. */
  readonly lastGood: string;
  readonly run: string;
  readonly runtimeSocket: string;
  readonly masterSocket: string;
  /** Second names of both sockets, so that one that somebody deletes can be put back. */
  readonly keptSockets: string;
  readonly serverState: string;
  /** What HAProxy writes to stdout and stderr. */
  readonly output: string;
}

/** The layout of a state directory. */
export function statePaths(stateDir: string): StatePaths {
  const run = join(stateDir, 'run');
  return {
    root: stateDir,
    generations: join(stateDir, 'generations'),
    current: join(stateDir, 'current'),
    lastGood: join(stateDir, 'last-good'),
    run,
    runtimeSocket: join(run, 'haproxy.sock'),
    masterSocket: join(run, 'master.sock'),
    keptSockets: join(stateDir, 'sockets'),
    serverState: join(stateDir, 'server-state'),
    output: join(stateDir, 'haproxy.out'),
  };
}

/**
 * HAProxy binds a UNIX socket under a temporary name first (`<path>.<pid>.tmp`), so of the 107 bytes that Linux gives
 * a socket's path 92 are left.
 */
const LONGEST_SOCKET_PATH = 92;

/** Why the sockets cannot be made below this state directory; `undefined` when they can. */
export function socketPathProblem(paths: StatePaths): string | undefined {
  const longest = Math.max(Buffer.byteLength(paths.runtimeSocket), Buffer.byteLength(paths.masterSocket));
  if (longest <= LONGEST_SOCKET_PATH) return undefined;
  return `the state directory ${paths.root} is too long for UNIX sockets: ${longest} bytes with the socket's name, ${LONGEST_SOCKET_PATH} are possible`;
}
