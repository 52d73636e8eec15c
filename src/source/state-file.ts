import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a file so that a reader, or a crash, sees the old text or the new one and nothing between. Mode 0640 by default. Of a text
 * in pieces each one is made when the one before is written. `replacing`: just before the old text goes.
 */
export async function writeWhole(
  path: string,
  text: string | Iterable<string>,
  mode = 0o640,
  replacing: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const draft = `${path}.new`;
  try {
    const file = await open(draft, 'w', mode);
    try {
      await file.chmod(mode);
      for (const piece of typeof text === 'string' ? [text] : text) await file.writeFile(piece, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await replacing();
    await rename(draft, path);
  } catch (error) {
    // On a full disk, what there is of it is in everybody's way.
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Removes what writes that a kill cut short have left in a folder: nobody reads it, and on a full disk it is in everybody's way.
 * For before the first write of a life. Never fails.
 */
export async function removeDrafts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const drafts = names.filter((name) => name.endsWith('.new'));
  await Promise.all(drafts.map((name) => rm(join(folder, name), { force: true }).catch(() => undefined)));
}

/** The decoded JSON of a file; `undefined` where there is none, or nothing readable. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Milliseconds from the last of `failures` attempts to the next one: twice as long each time. */
export const againAfter = (failures: number, firstMs: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(failures, 20));
