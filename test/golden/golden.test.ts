import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderCase } from '../support/golden-case.ts';
import { selfSignedPem } from '../support/pem.ts';

// Each folder is one case: input.json -> haproxy.cfg, maps/, problems.json. `UPDATE=1` rewrites the expectations: read the diff.
const root = import.meta.dirname;
const update = process.env['UPDATE'] === '1';
const cases = (await readdir(root, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

let scratch = '';
let pem = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'golden-'));
  pem = await selfSignedPem(scratch);
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function filesBelow(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.name !== 'input.json') found.set(relative(folder, path), await readFile(path, 'utf8'));
  }
  return found;
}

async function write(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

test('there are at least 60 cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
});

describe.each(cases)('%s', (name) => {
  test('gives what is expected', async () => {
    const rendered = renderCase(JSON.parse(await readFile(join(root, name, 'input.json'), 'utf8')));
    if (update) {
      for (const old of (await filesBelow(join(root, name))).keys()) await rm(join(root, name, old));
      await write(join(root, name), rendered);
    }
    expect(Object.fromEntries(rendered)).toEqual(Object.fromEntries(await filesBelow(join(root, name))));
  });

  test('is accepted by haproxy -c', async () => {
    const rendered = renderCase(JSON.parse(await readFile(join(root, name, 'input.json'), 'utf8')));
    const folder = join(scratch, name);
    // The cases name certificates by a fixed path; HAProxy needs real ones.
    await write(
      folder,
      new Map(
        [...rendered].map(([file, text]) => [file, text.replaceAll('/certificates/', `${folder}/certificates/`)]),
      ),
    );
    for (const path of new Set(
      [...rendered.values()].flatMap((text) => text.match(/\/certificates\/[\w./-]+\.pem/g) ?? []),
    )) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), pem);
    }
    const checked = await execa(process.env['HAPROXY'] ?? 'haproxy', ['-c', '-f', 'haproxy.cfg'], {
      cwd: folder,
      reject: false,
      all: true,
    });
    expect(checked.exitCode, checked.all).toBe(0);
  });
});
