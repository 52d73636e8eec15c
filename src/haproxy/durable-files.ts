import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';

/** A failure of the disk: full, read-only, not permitted, … */
export interface DiskFailure {
  readonly kind: 'disk';
  readonly detail: string;
}

/** Directories and files below the state directory: nothing for others, maps and configuration may hold secrets. */
const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;

/** Runs file operations; whatever the file system throws becomes a failure that says what was being done. */
export async function onDisk<T>(doing: string, work: () => Promise<T>): Promise<Result<T, DiskFailure>> {
  try {
    return ok(await work());
  } catch (error) {
    return fail({ kind: 'disk', detail: `${doing}: ${error instanceof Error ? error.message : String(error)}` });
  }
}

/** Makes a directory and its parents. Existing ones are left as they are. */
export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
}

/** Bytes that are put together at one time: megabytes at once would hold the event loop. */
const CHUNK = 64 * 1024;

/**
 * Writes a new file or overwrites one, and returns once its bytes are on the disk, with their SHA-256 in hex. Its directory is not
 * synced. Of a text in pieces each chunk is put together when the one before is written.
 */
export async function writeSynced(path: string, text: string | Iterable<string>): Promise<string> {
  const file = await open(path, 'w', FILE_MODE);
  const hash = createHash('sha256');
  try {
    for (const chunk of chunks(typeof text === 'string' ? [text] : text)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

function* chunks(pieces: Iterable<string>): Generator<string> {
  let chunk = '';
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Replaces a file: readers see the old bytes or the new ones, also after a crash. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeSynced(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Points a symlink to another target in one step, durably; a crash leaves the old one or the new one. */
export async function swapSymlink(path: string, target: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}
