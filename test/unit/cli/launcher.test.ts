import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { temporaryFolder } from './rig.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A prefix as `npm install --global --prefix` makes it, with Nodes that only say their version and their arguments. */
function prefix(nodes: { readonly beside?: string; readonly onPath?: string; readonly built?: false }) {
  const root = temporaryFolder(cleanups);
  const home = join(root, 'lib/node_modules/portolan');
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  write(join(home, 'bin/portolan'), '');
  copyFileSync(resolve(import.meta.dirname, '../../../bin/portolan'), join(home, 'bin/portolan'));
  if (nodes.built !== false) write(join(home, 'dist/main.js'), '');
  const node = (version: string) => `#!/bin/sh\n[ "$1" = -v ] && echo ${version} && exit\necho ${version} "$@"\n`;
  if (nodes.beside !== undefined) write(join(root, 'bin/node'), node(nodes.beside));
  if (nodes.onPath !== undefined) write(join(root, 'path/node'), node(nodes.onPath));
  mkdirSync(join(root, 'bin'), { recursive: true });
  symlinkSync('../lib/node_modules/portolan/bin/portolan', join(root, 'bin/portolan'));
  const tools = dirname(execFileSync('sh', ['-c', 'command -v readlink'], { encoding: 'utf8' }));
  // Without the machine's own Node, which lies beside the tools on some.
  mkdirSync(join(root, 'tools'));
  for (const tool of ['readlink', 'dirname']) symlinkSync(join(tools, tool), join(root, 'tools', tool));
  const PATH = `${join(root, 'path')}:${join(root, 'tools')}`;
  const run = spawnSync(join(root, 'bin/portolan'), ['run', 'a b'], { env: { PATH }, encoding: 'utf8' });
  return {
    code: run.status,
    out: run.stdout.trim(),
    err: run.stderr,
    main: `--max-semi-space-size=8 --v8-pool-size=2 ${join(home, 'dist/main.js')}`,
  };
}

test('the Node in Portolan’s prefix comes before the one on PATH', () => {
  const { code, out, main } = prefix({ beside: 'v26.1.0', onPath: 'v20.19.2' });
  expect([code, out]).toEqual([0, `v26.1.0 ${main} run a b`]);
});

test('an old one beside it is passed over', () => {
  const { code, out, main } = prefix({ beside: 'v20.19.2', onPath: 'v24.4.0' });
  expect([code, out]).toEqual([0, `v24.4.0 ${main} run a b`]);
});

test.each(['v24.0.0', 'v30.1.0', 'v100.0.1'])('Node %s on PATH will do', (version) => {
  const { code, out, main } = prefix({ onPath: version });
  expect([code, out]).toEqual([0, `${version} ${main} run a b`]);
});

test.each([
  [{ onPath: 'v20.19.2' }, 'v20.19.2'],
  [{ onPath: 'v8.0.0' }, 'v8.0.0'],
  [{}, 'none'],
])('%j is refused with what was found and what to type', (nodes, found) => {
  const { code, out, err } = prefix(nodes);
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain(`the Node found is ${found}; expected 24 or newer`);
  expect(err).toContain('npm install --global --prefix /opt/portolan node@26');
});

test('a checkout that was not built says what to type', () => {
  const { code, out, err } = prefix({ onPath: 'v26.1.0', built: false });
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/dist\/main\.js is missing; .*npm run build/);
});
