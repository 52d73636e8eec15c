import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFileSource } from '../../../src/source/file.ts';
import { app, clock, collector, follow, never, noNames, until } from './rig.ts';

async function start(recheckMs = 60_000) {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-file-'));
  const path = join(folder, 'apps.json');
  const write = (value: unknown) => writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  const source = createFileSource({ path, clock, emit: collector().emit, names: noNames, debounceMs: 30, recheckMs });
  return { folder, path, write, source };
}

test('reads a saved answer, and unchanged apps keep their identity', async () => {
  const { write, source } = await start();
  await write({ apps: [app('/web'), app('/api')] });
  const first = await source.snapshot('all', never());
  await write({ apps: [app('/api'), { ...app('/web'), instances: 2 }] });
  const second = await source.snapshot('all', never());
  if (!first.ok || !second.ok) throw new Error('unreadable');
  expect(first.value.value.apps.map(({ id }) => id)).toEqual(['/api', '/web']);
  expect(second.value.value.apps[0]).toBe(first.value.value.apps[0]);
  expect(second.value.value.apps[1]).toMatchObject({ id: '/web', instances: 2 });
});

test('what cannot be read whole is a failure that names the file', async () => {
  const { path, write, source } = await start();
  const expectFailure = async (part: string) => {
    const result = await source.snapshot('all', never());
    expect(result).toMatchObject({ ok: false, failure: { kind: 'file-unreadable', endpoint: path } });
    expect(result.ok ? '' : result.failure.detail).toContain(part);
  };
  await expectFailure('ENOENT');
  await write('');
  await expectFailure('blank');
  await write('{"apps":[{"id":"/web"');
  await expectFailure('ends early');
  await write('{}');
  await expectFailure('apps');
  await write({ apps: [] });
  expect(await source.snapshot('all', never())).toMatchObject({ ok: true, value: { value: { apps: [] } } });
});

test('hints when the content changes: written, replaced, removed and back; not when only touched', async () => {
  const { folder, path, write, source } = await start();
  await write({ apps: [] });
  const { hints } = follow(source);
  await until(() => hints.length === 1);
  expect(hints).toMatchObject([{ scope: 'all', reason: 'start' }]);

  await write({ apps: [] });
  await writeFile(join(folder, 'other'), 'x');
  await write({ apps: [app('/web')] });
  await until(() => hints.length === 2);
  await writeFile(join(folder, 'draft'), '{"apps":[]}');
  await rename(join(folder, 'draft'), path);
  await until(() => hints.length === 3);
  await rm(path);
  await until(() => hints.length === 4);
  await write({ apps: [] });
  await until(() => hints.length === 5);
  expect(hints.slice(1).every(({ reason }) => reason === 'file')).toBe(true);
});

test('a change that no watcher reports is found by the clock', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-file-'));
  const path = join(folder, 'apps.json');
  const deaf = () => async () => undefined;
  const parts = { path, clock, emit: collector().emit, names: noNames, watch: deaf, debounceMs: 10, recheckMs: 50 };
  const { hints } = follow(createFileSource(parts));
  await until(() => hints.length === 1);
  await writeFile(path, '{"apps":[]}');
  await until(() => hints.length === 2);
});
