import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A disk of a few MB at the place of a folder, that only processes see which are started with `command` before them. */
export interface SmallDisk {
  readonly command: readonly string[];
  /** Where others see a file of it. */
  path(name: string): string;
  /** Takes every byte that is left; gives how many. */
  fill(): Promise<number>;
  /** Gives them back. */
  free(): Promise<void>;
  /** What is on it is gone once nobody runs on it. */
  end(): void;
}

const BALLAST = 'ballast';

/** Why there can be none on this machine; undefined where there can. */
export function noSmallDisk(): string | undefined {
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  return `a disk of its own (unshare -m, mount -t tmpfs) needs root: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** A tmpfs in a mount namespace of its own, which ends with this process. */
export async function createSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  const mount = `mount -t tmpfs -o size=${megabytes}m,mode=750 tmpfs "$0" && echo there && exec cat`;
  const holder = spawn('unshare', ['-m', 'sh', '-c', mount, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  await mounted(holder);
  const path = (name: string): string => join(`/proc/${holder.pid}/root${folder}`, name);
  return {
    command: ['nsenter', '-t', String(holder.pid), '-m', '--'],
    path,
    async fill() {
      const file = await open(path(BALLAST), 'a');
      let bytes = 0;
      try {
        for (let size = 1_048_576; size >= 1; size >>= 1)
          while (await taken(file.write(Buffer.alloc(size)).then(({ bytesWritten }) => (bytes += bytesWritten))));
      } finally {
        await file.close();
      }
      return bytes;
    },
    free: () => rm(path(BALLAST), { force: true }),
    end: () => holder.kill('SIGKILL'),
  };
}

function mounted(holder: ChildProcess): Promise<void> {
  return new Promise((done, failed) => {
    holder.once('error', failed);
    holder.once('exit', (code) => failed(new Error(`no small disk: mounting ended with ${code}`)));
    holder.stdout?.once('data', () => done());
  });
}

async function taken(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
