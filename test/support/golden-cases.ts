import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type CaseResult, runCase } from './golden-case.ts';

/** The folder of the golden cases: each folder in it is one. */
const GOLDEN_FOLDER = join(import.meta.dirname, '..', 'golden');

/** A golden case as it stands on disk. */
export interface GoldenCase {
  readonly name: string;
  readonly folder: string;
  /** `input.json` as decoded. */
  readonly input: unknown;
  /** What the core makes of it today. */
  readonly result: CaseResult;
}

/** All golden cases, run once, sorted by name. */
export async function goldenCases(): Promise<readonly GoldenCase[]> {
  const entries = await readdir(GOLDEN_FOLDER, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const folder = join(GOLDEN_FOLDER, name);
      const input: unknown = JSON.parse(await readFile(join(folder, 'input.json'), 'utf8'));
      return { name, folder, input, result: runCase(input) };
    }),
  );
}

/** The expected files of a case by their names in the folder, without `input.json`. */
export async function expectedFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.name !== 'input.json') found.set(relative(folder, path), await readFile(path, 'utf8'));
  }
  return found;
}
