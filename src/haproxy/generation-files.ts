import { dirname, isAbsolute, join, normalize } from 'node:path';
import { type Generation, stampGeneration } from '../core/config.ts';
import { ensureDirectory, syncDirectory, writeSynced } from './durable-files.ts';
import { MANIFEST_NAME } from './manifest.ts';
import { OWNERS_NAME } from './owners-file.ts';

/**
 * Writes the files of a configuration and makes their folders durable, deepest first. All files at once: the disk syncs
 * ten of them together in little more than the time of one.
 */
export async function writeFiles(
  home: string,
  files: ReadonlyMap<string, Iterable<string>>,
): Promise<ReadonlyMap<string, string>> {
  const placed = [...files].map(([name, text]) => {
    const relative = normalize(name);
    if (isAbsolute(relative) || relative.startsWith('..') || relative === MANIFEST_NAME || relative === OWNERS_NAME)
      throw new Error(`a configuration may not contain a file named ${JSON.stringify(name)}`);
    return { name, path: join(home, relative), folder: join(home, dirname(relative)), text };
  });
  const folders = [...new Set(placed.map(({ folder }) => folder))].sort((a, b) => b.length - a.length);
  for (const each of folders) await ensureDirectory(each);
  // All are waited for, also behind a failure: nothing may be written once this has ended.
  const written = await Promise.allSettled(
    placed.map(async ({ name, path, text }) => [name, await writeSynced(path, text)] as const),
  );
  const digests = written.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
  for (const each of folders) await syncDirectory(each);
  return new Map(digests);
}

/** The pieces of haproxy.cfg with the generation's number in them. */
export function* stamped(pieces: Iterable<string>, generation: Generation): Generator<string> {
  let done = false;
  for (const piece of pieces) {
    const now: string = done ? piece : stampGeneration(piece, generation);
    done ||= now !== piece;
    yield now;
  }
}
