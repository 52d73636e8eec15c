import { statSync, writeFileSync } from 'node:fs';
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
