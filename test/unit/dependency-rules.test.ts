import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The checker says that it lacks a TypeScript compiler it knows; it parses with swc. This proves that its rules still bite.
const root = resolve(import.meta.dirname, '../..');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rules-'));
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
    await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function broken(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  await rm(join(folder, 'src'), { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const checked = await execa('depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'], {
    cwd: folder,
    reject: false,
    preferLocal: true,
    localDir: root,
  });
  const { summary } = JSON.parse(checked.stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
}

const nothing = 'export const nothing = 0;\n';
test.each([
  ['core-is-pure', { 'src/core/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n" }],
  [
    'source-star',
    {
      'src/source/a.ts': "import { nothing } from '../haproxy/b.ts';\nexport const a = nothing;\n",
      'src/haproxy/b.ts': nothing,
    },
  ],
  [
    'haproxy-star',
    {
      'src/haproxy/a.ts': "import { nothing } from '../daemon/b.ts';\nexport const a = nothing;\n",
      'src/daemon/b.ts': nothing,
    },
  ],
  ['daemon-no-io', { 'src/daemon/a.ts': "import { pino } from 'pino';\nexport const a = pino;\n" }],
  [
    'admin-star',
    {
      'src/admin/a.ts': "import type { B } from '../source/b.ts';\nexport type A = B;\n",
      'src/source/b.ts': 'export type B = 1;\n',
    },
  ],
  [
    'no-cycles',
    {
      'src/core/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
      'src/core/b.ts': "import { a } from './a.ts';\nexport const b = () => a;\n",
    },
  ],
] as const)('%s is enforced', async (rule, files) => {
  expect(await broken(files)).toContain(rule);
});

test('what keeps to the rules passes', async () => {
  const files = {
    'src/core/a.ts': nothing,
    'src/daemon/b.ts': "import { nothing } from '../core/a.ts';\nexport const b = nothing;\n",
  };
  expect(await broken(files)).toEqual([]);
});
