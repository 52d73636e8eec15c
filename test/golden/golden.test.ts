import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CaseInput, renderCase } from '../support/golden-case.ts';
import { expectedFiles, type GoldenCase, goldenCases } from '../support/golden-cases.ts';
import { selfSignedPem } from '../support/pem.ts';

// Each folder is one case: input.json -> haproxy.cfg, maps/, problems.json. `UPDATE=1` rewrites the expectations: read the diff.
const update = process.env['UPDATE'] === '1';
const cases = await goldenCases();

let scratch = '';
let pem = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'golden-'));
  pem = await selfSignedPem(scratch);
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function write(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

async function rewrite({ folder, result }: GoldenCase): Promise<void> {
  for (const old of (await expectedFiles(folder)).keys()) await rm(join(folder, old));
  await write(folder, result.files);
}

/** The same cluster as another Marathon might list it: order means nothing there. */
function reversed(json: unknown): unknown {
  const { apps, ...rest } = CaseInput.parse(json);
  const tasksReversed = (app: unknown): unknown =>
    typeof app === 'object' && app !== null && 'tasks' in app && Array.isArray(app.tasks)
      ? { ...app, tasks: app.tasks.toReversed() }
      : app;
  return { ...rest, apps: apps.map(tasksReversed).toReversed() };
}

/** What `haproxy -c` says, without what comes from running it here: the state file is only written when HAProxy runs. */
async function haproxySays(folder: string): Promise<{ readonly exitCode: number | undefined; readonly says: string }> {
  const checked = await execa(process.env['HAPROXY'] ?? 'haproxy', ['-c', '-f', 'haproxy.cfg'], {
    cwd: folder,
    reject: false,
    all: true,
  });
  const lines = checked.all.split('\n').filter((line) => /\[(ALERT|WARNING)\]/.test(line));
  return { exitCode: checked.exitCode, says: lines.filter((line) => !line.includes('server state file')).join('\n') };
}

test('there are at least 65 cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(65);
});

describe.concurrent.each(cases)('$name', (golden) => {
  test('gives what is expected', async ({ expect }) => {
    if (update) await rewrite(golden);
    expect(Object.fromEntries(golden.result.files)).toEqual(Object.fromEntries(await expectedFiles(golden.folder)));
  });

  test('is the same whatever the order of apps and tasks', ({ expect }) => {
    expect(Object.fromEntries(renderCase(reversed(golden.input)))).toEqual(Object.fromEntries(golden.result.files));
  });

  test('is accepted by haproxy -c without a warning', async ({ expect }) => {
    const folder = join(scratch, golden.name);
    const texts = [...golden.result.files];
    // The cases name certificates by a fixed path; HAProxy needs real ones.
    await write(
      folder,
      new Map(texts.map(([file, text]) => [file, text.replaceAll('/certificates/', `${folder}/certificates/`)])),
    );
    for (const path of new Set(texts.flatMap(([, text]) => text.match(/\/certificates\/[\w./-]+\.pem/g) ?? []))) {
      await write(folder, new Map([[path, pem]]));
    }
    expect(await haproxySays(folder)).toEqual({ exitCode: 0, says: '' });
  });
});
