import { mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { createHaproxyRig, type HaproxyRig, portsFrom } from '../../support/haproxy-rig.ts';
import { get } from '../../support/http-get.ts';

const freePort = portsFrom(22_400);
const never = new AbortController().signal;

describe('generations on disk', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let port: number;

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
    haproxy = rig.adapter();
  });

  afterEach(async () => rig.cleanup());

  /** Every file that a configuration can have. */
  const config = (name: string) => {
    const made = rig.config({ ports: [port], servers: [], name, frontend: ['http-request return status 200'] });
    const files = new Map([...made.files, ['maps/paths.map', `a.example/${name} a\n`]]);
    return { ...made, files: files.set('certificates.list', `/nowhere/${name}.pem\n`) };
  };
  const served = async (): Promise<unknown> => (await get(port)).headers['x-config'];
  const file = (generation: number, name: string): string => join(rig.paths.generations, String(generation), name);
  const numbers = async (): Promise<readonly string[]> => (await readdir(rig.paths.generations)).sort();

  /** Applies configurations 1 to n and ends HAProxy, as a machine that was switched off. */
  async function servedBefore(...names: readonly string[]): Promise<void> {
    await haproxy.start();
    for (const name of names) expect((await rig.apply(haproxy, config(name))).kind).toBe('applied');
    await haproxy.stop('drain');
    haproxy = rig.adapter();
  }

  test('keeps a configuration for its owner and group only, checksummed and with its reason', async () => {
    await servedBefore('one');
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await mode(join(rig.paths.generations, '1'))).toBe(0o750);
    expect(await mode(file(1, 'maps'))).toBe(0o750);
    expect(await mode(file(1, 'haproxy.cfg'))).toBe(0o640);
    const manifest: unknown = JSON.parse(await readFile(file(1, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ schema: 1, generation: 1, state: 'published', why: 'test' });
    expect(await readlink(rig.paths.current)).toBe('generations/1');
    expect(await readlink(rig.paths.lastGood)).toBe('generations/1');
  });

  test.each(['haproxy.cfg', 'maps/hosts.map', 'maps/paths.map', 'certificates.list', 'owners.json', 'manifest.json'])(
    'falls back when a byte of the newest %s is flipped',
    async (name) => {
      await servedBefore('one', 'two');
      const bytes = await readFile(file(2, name));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x55;
      await writeFile(file(2, name), bytes);

      expect(await haproxy.start()).toEqual({ ok: true, value: { known: true, generation: 1, config: config('one') } });

      expect(await served()).toBe('one');
      expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', generation: 3 });
      expect(await served()).toBe('three');
    },
  );

  test('leads whoever else starts HAProxy to what is whole', async () => {
    await servedBefore('one', 'two');
    await writeFile(file(2, 'maps/hosts.map'), 'cut');
    haproxy = rig.adapter({ mode: 'external' });
    expect(await haproxy.start()).toEqual({ ok: true, value: undefined });
    expect(await readlink(rig.paths.current)).toBe('generations/1');
  });

  test('serves the old generation after a crash between writing and publishing', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    expect((await haproxy.validate(config('two'), 'never applied', never)).ok).toBe(true);
    await haproxy.stop('drain');
    haproxy = rig.adapter();

    expect(await haproxy.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    expect(await served()).toBe('one');
    expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', generation: 3 });
  });

  test('clears away what was half-written and never gives its number again', async () => {
    await servedBefore('one');
    await mkdir(file(2, 'maps'), { recursive: true });
    await writeFile(file(2, 'haproxy.cfg'), 'global\n  half a');

    await haproxy.start();
    expect(await readdir(join(rig.paths.generations, '2'))).toEqual([]);
    await haproxy.stop('keep');
    haproxy = rig.adapter();
    await haproxy.start();
    expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', generation: 3 });
    expect(await numbers()).toEqual(['1', '3']);
  });

  test('after a crash between publishing and reloading, starts again with what was proven', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    expect((await haproxy.validate(config('two'), 'published, not loaded', never)).ok).toBe(true);
    await rm(rig.paths.current);
    await symlink('generations/2', rig.paths.current);
    await haproxy.stop('keep');

    haproxy = rig.adapter();
    expect(await haproxy.start()).toMatchObject({ ok: true, value: { known: true, generation: 1 } });
    expect(await readlink(rig.paths.current)).toBe('generations/1');
  });

  test('serves a generation of a newer Portolan as it is', async () => {
    await servedBefore('one');
    const newer = JSON.stringify({ schema: 99, something: 'else' });
    await writeFile(file(1, 'manifest.json'), newer);

    expect(await haproxy.start()).toMatchObject({ ok: true, value: { known: false } });

    expect(await served()).toBe('one');
    expect(await readFile(file(1, 'manifest.json'), 'utf8')).toBe(newer);
    expect(await rig.apply(haproxy, config('two'))).toMatchObject({ kind: 'applied', generation: 2 });
    expect(await readFile(file(1, 'manifest.json'), 'utf8')).toBe(newer);
  });

  test('keeps as many as told, and always what counts', async () => {
    haproxy = rig.adapter({ keep: 2 });
    await haproxy.start();
    for (const name of ['1', '2', '3', '4']) await rig.apply(haproxy, config(name));
    expect(await numbers()).toEqual(['3', '4']);
    for (const name of ['5', '6', '7']) await haproxy.validate(config(name), 'never applied', never);
    await rig.apply(haproxy, config('8'));
    expect(await numbers()).toEqual(['4', '7', '8']);
    expect((await haproxy.generations()).map(({ generation, state }) => `${generation} ${state}`)).toEqual([
      '8 running',
      '7 candidate',
      '4 published',
    ]);
  });

  test('a disk that takes nothing is a failure, and what serves goes on serving', async () => {
    await haproxy.start();
    await rig.apply(haproxy, config('one'));
    // A file where the folder was: root, as which tests may run, is stopped by no permission.
    const away = `${rig.paths.generations}-away`;
    await rename(rig.paths.generations, away);
    await writeFile(rig.paths.generations, 'not a folder');

    expect(await haproxy.validate(config('two'), 'test', never)).toMatchObject({
      ok: false,
      failure: { kind: 'disk' },
    });
    expect(await served()).toBe('one');
    expect(await haproxy.observe()).toMatchObject({ known: true, generation: 1, config: config('one') });

    await rm(rig.paths.generations);
    await rename(away, rig.paths.generations);
    expect(await rig.apply(haproxy, config('three'))).toMatchObject({ kind: 'applied', via: 'reload' });
    expect(await served()).toBe('three');
  });
});
