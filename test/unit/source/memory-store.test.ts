import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { type Memory, NO_MEMORY } from '../../../src/core/memory.ts';
import { createMemoryStore } from '../../../src/source/memory-store.ts';
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
  const failed = (detail: string) => void failures.push(detail);
  return { store: createMemoryStore({ path, clock, failed, signal: ending.signal, againMs: 10 }), failures };
}

describe('the memory on disk', () => {
  it('comes back as it was', async () => {
    const path = join(folder, 'memory.json');
    const memory = claiming('a.example');
    await storeAt(path).store.save(memory);
    expect(await storeAt(path).store.load()).toEqual(memory);
  });

  it('that a disk does not take is told, and saved once the disk takes it', async () => {
    const blocked = join(folder, 'state');
    await writeFile(blocked, 'a file where a folder belongs');
    const { store, failures } = storeAt(join(blocked, 'memory.json'));
    await store.save(claiming('old.example'));
    await store.save(claiming('new.example'));
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
    const newer = JSON.stringify({ schema: 2, claims: 'in a shape of its own' });
    await writeFile(path, newer);
    const { store, failures } = storeAt(path);
    expect(await store.load()).toEqual(NO_MEMORY);
    await store.save(claiming('a.example'));
    expect(await readFile(path, 'utf8')).toBe(newer);
    expect(failures).toEqual([]);
  });

  it('that cannot be read counts as none', async () => {
    const path = join(folder, 'memory.json');
    await writeFile(path, '{"schema":1,"claims":[["a"');
    expect(await storeAt(path).store.load()).toEqual(NO_MEMORY);
  });
});
