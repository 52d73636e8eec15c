import { linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { HaproxyContext } from './context.ts';

/**
 * Second names (hard links) of HAProxy's sockets. A socket whose name is deleted lives on and cannot be reached: from 2.6 to 3.2 a
 * reload hands it to the next worker as it is, so that even reloads do not bring its name back. Another name of it does.
 */
export interface KeptSockets {
  /** HAProxy has just answered on both: these are its sockets. */
  keep(): void;
  /** Puts names back that are missing, or lead to a socket that refuses (`refusing`) and is not the one kept. Gives their paths. */
  restore(refusing: readonly string[]): readonly string[];
}

/** Second names below the state directory. Where it cannot have them (another file system, another user's sockets): none. */
export function createKeptSockets({ paths }: Pick<HaproxyContext, 'paths'>): KeptSockets {
  const both = [paths.runtimeSocket, paths.masterSocket].map((path) => ({
    path,
    kept: join(paths.keptSockets, basename(path)),
  }));
  let failed = false;

  function keepOne(path: string, kept: string): void {
    const is = inodeOf(path);
    if (is === undefined || is === inodeOf(kept)) return;
    putName(path, kept);
  }

  return {
    keep() {
      if (failed) return;
      try {
        mkdirSync(paths.keptSockets, { recursive: true, mode: 0o750 });
        for (const { path, kept } of both) keepOne(path, kept);
      } catch (error) {
        // A full disk may have room later; what the file system does not allow it never will.
        failed = !isPassing(error);
      }
    },
    restore(refusing) {
      const restored: string[] = [];
      for (const { path, kept } of both) {
        const [is, was] = [inodeOf(path), inodeOf(kept)];
        if (was === undefined || was === is || (is !== undefined && !refusing.includes(path))) continue;
        try {
          mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
          putName(kept, path);
          restored.push(path);
        } catch {
          // Nothing can be made there now: looked at again.
        }
      }
      return restored;
    },
  };
}

/** Gives a socket another name, in place of whatever has it. */
function putName(socket: string, name: string): void {
  const draft = `${name}.new`;
  rmSync(draft, { force: true });
  linkSync(socket, draft);
  renameSync(draft, name);
}

/** Which socket has this name; `undefined` when none has. */
function inodeOf(path: string): bigint | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found?.isSocket() === true ? found.ino : undefined;
  } catch {
    return undefined;
  }
}

const isPassing = (error: unknown): boolean =>
  !(error instanceof Error && 'code' in error && ['EXDEV', 'EPERM', 'EMLINK', 'ENOSYS'].includes(String(error.code)));
