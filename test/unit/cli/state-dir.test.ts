import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { prepareStateDir } from '../../../src/cli/state-dir.ts';
import { temporaryFolder } from './rig.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const detailOf = async (path: string): Promise<string> => {
  const prepared = await prepareStateDir(path);
  return prepared.ok ? 'ok' : prepared.failure.detail;
};

test('a missing folder is made with those above it, for its owner and group; one that is there is taken', async () => {
  const path = join(temporaryFolder(cleanups), 'a', 'b', 'c');
  expect(await detailOf(path)).toBe('ok');
  expect(statSync(path).mode & 0o777).toBe(0o750);
  expect(await detailOf(path)).toBe('ok');
});

test('what cannot be a state directory is refused with its name, the reason and an example', async () => {
  const folder = temporaryFolder(cleanups);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const long = join(folder, 'x'.repeat(90));
  const cases: [string, RegExp][] = [
    [file, /is a file/],
    [join(file, 'below'), /ENOTDIR/],
    // Node's own mkdir -p turns in circles here.
    ['/proc/portolan', /ENOENT/],
    [long, /too long for UNIX sockets/],
  ];
  for (const [path, reason] of cases) {
    const detail = await detailOf(path);
    expect(detail).toContain(path);
    expect(detail).toMatch(reason);
    expect(detail).toContain('for example: --state-dir /var/lib/portolan');
  }
});

test.each([
  ['that is empty', []],
  ['with what an earlier life left', ['generations', 'current']],
])('a folder %s and is open to others is closed to them', async (_, names) => {
  const path = temporaryFolder(cleanups);
  for (const name of names) mkdirSync(join(path, name));
  chmodSync(path, 0o2777);
  expect(await prepareStateDir(path)).toEqual({ ok: true, value: undefined });
  expect(statSync(path).mode & 0o7777).toBe(0o2750);
});

test.each([
  ['with files of others', 0o755, ['mail']],
  ['that everybody puts things into', 0o1777, ['generations']],
])('a folder %s is left open, and told of', async (_, mode, names) => {
  const path = temporaryFolder(cleanups);
  for (const name of names) mkdirSync(join(path, name));
  chmodSync(path, mode);
  expect(await prepareStateDir(path)).toMatchObject({ ok: true, value: expect.stringContaining('chmod 0750') });
  expect(statSync(path).mode & 0o7777).toBe(mode);
});
