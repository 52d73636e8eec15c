import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeDrafts, writeWhole } from '../../../src/source/state-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptl-drafts-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('what a write that was cut short has left is removed, and nothing else', async () => {
  await writeWhole(join(folder, 'memory.json'), '{}');
  for (const name of ['memory.json.new', 'names.json.new', 'journal.ndjson', 'newest'])
    await writeFile(join(folder, name), 'x');
  await removeDrafts(folder);
  expect((await readdir(folder)).sort()).toEqual(['journal.ndjson', 'memory.json', 'newest']);
});

test('a folder that cannot be read is left as it is', async () => {
  await expect(removeDrafts(join(folder, 'missing'))).resolves.toBeUndefined();
});
