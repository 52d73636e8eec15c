import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import { type Memory, NO_MEMORY } from '../../../src/core/memory.ts';
import { createMemoryStore } from '../../../src/source/memory-store.ts';
import { task } from '../core/table-rig.ts';
import { clock, until } from './rig.ts';

const claiming = (host: string): Memory => ({ ...NO_MEMORY, claims: new Map([[host, '/a' as AppId]]) });

let folder = '';
const ending = new AbortController();
afterAll(() => ending.abort());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mem-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function storeAt(path: string) {
  const failures: string[] = [];
  const damaged: string[] = [];
  const failed = (detail: string) => void failures.push(detail);
  return {
    store: createMemoryStore({
      path,
      clock,
      failed,
      damaged: (file) => void damaged.push(file),
      signal: ending.signal,
      againMs: 10,
      pauseMs: 10,
    }),
    failures,
    damaged,
  };
}

describe('the memory on disk', () => {
  it('comes back as it was', async () => {
    const path = join(folder, 'memory.json');
    const memory = claiming('a.example');
    const { store } = storeAt(path);
    store.save(memory);
    await store.flush();
    expect(await storeAt(path).store.load()).toEqual(memory);
  });

  it('knows the tasks that were out of touch', async () => {
    const path = join(folder, 'memory.json');
    const { store } = storeAt(path);
    const lost = { since: 5 as Instant, tasks: [task('a.1', { state: 'unreachable' })] };
    const memory = { ...NO_MEMORY, outOfTouch: new Map([['/a' as AppId, lost]]) };
    store.save(memory);
    await store.flush();
    expect(await storeAt(path).store.load()).toEqual(memory);
  });

  it('is saved with what comes close after it, and whole however large it is', async () => {
    const path = join(folder, 'memory.json');
    const { store } = storeAt(path);
    const hosts = Array.from({ length: 2_500 }, (_, n) => `host-${n}.example`);
    const memories = [500, 1_000, 2_500].map((count) => ({
      ...NO_MEMORY,
      claims: new Map(hosts.slice(0, count).map((host) => [host, '/a' as AppId])),
    }));
    for (const memory of memories) store.save(memory);
    let saved = NO_MEMORY;
    const look = async () => {
      saved = await storeAt(path).store.load();
    };
    while (saved.claims.size < 2_500) await look();
    expect(saved).toEqual(memories[2]);
  });

  it('that a disk does not take is told, and saved once the disk takes it', async () => {
    const blocked = join(folder, 'state');
    await writeFile(blocked, 'a file where a folder belongs');
    const { store, failures } = storeAt(join(blocked, 'memory.json'));
    store.save(claiming('old.example'));
    await store.flush();
    store.save(claiming('new.example'));
    await until(() => failures.length > 3, 'further attempts');
    await rm(blocked);
    await mkdir(blocked);
    let saved = '';
    const look = async () => {
      saved = await readFile(join(blocked, 'memory.json'), 'utf8').catch(() => '');
    };
    while (!saved.includes('example')) await look();
    expect(saved).toContain('new.example');
    expect(saved).not.toContain('old.example');
  });

  it('of a newer Portolan is left as it is', async () => {
    const path = join(folder, 'memory.json');
    const newer = JSON.stringify({ schema: 3, claims: 'in a shape of its own' });
    await writeFile(path, newer);
    const { store, failures } = storeAt(path);
    expect(await store.load()).toEqual(NO_MEMORY);
    store.save(claiming('a.example'));
    await store.flush();
    expect(await readFile(path, 'utf8')).toBe(newer);
    expect(failures).toEqual([]);
  });

  it('of the first Portolan, which had no checksum, is taken over', async () => {
    const path = join(folder, 'memory.json');
    await writeFile(path, '{"schema":1,"claims":[["host a.example","/a"]],"health":[],"autoPorts":[]}\n');
    expect(await storeAt(path).store.load()).toEqual(claiming('host a.example'));
  });

  it('in which a letter changed is not believed; the copy before it is, and is not thrown away', async () => {
    const path = join(folder, 'memory.json');
    const { store } = storeAt(path);
    for (const host of ['old.example', 'new.example']) {
      store.save(claiming(host));
      await store.flush();
    }
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"/a"', '"/b"'));
    const second = storeAt(path);
    expect(await second.store.load()).toEqual(claiming('old.example'));
    expect(second.damaged).toEqual([path]);
    second.store.save(claiming('newest.example'));
    await second.store.flush();
    expect(await storeAt(path).store.load()).toEqual(claiming('newest.example'));
    await rm(path);
    expect(await storeAt(path).store.load()).toEqual(claiming('old.example'));
  });

  it('counts as none when its copy is damaged too', async () => {
    const path = join(folder, 'memory.json');
    const { store } = storeAt(path);
    store.save(claiming('a.example'));
    await store.flush();
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, -20));
    await writeFile(`${path}.1`, text.replace(/,"sha256":"[^"]*"/, ''));
    const { store: again, damaged } = storeAt(path);
    expect(await again.load()).toEqual(NO_MEMORY);
    expect(damaged).toEqual([path, `${path}.1`]);
  });

  it('that cannot be read counts as none', async () => {
    const path = join(folder, 'memory.json');
    await writeFile(path, '{"schema":1,"claims":[["a"');
    expect(await storeAt(path).store.load()).toEqual(NO_MEMORY);
  });
});
