import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { boundOutput, outputSince } from '../../../src/haproxy/output-file.ts';
import { socketPathProblem, statePaths } from '../../../src/haproxy/paths.ts';
import { identify } from '../../../src/haproxy/processes.ts';
import { validateFolder } from '../../../src/haproxy/validator.ts';
import { atLeast, capabilities, DEFAULT_ENVIRONMENT, findHaproxy } from '../../../src/haproxy/version.ts';

describe('the binary', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pt-'));
  });

  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function script(body: string): Promise<string> {
    const path = join(folder, 'haproxy');
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  }

  test('is found on PATH, as an absolute path', async () => {
    const path = await script("echo 'HAProxy version 3.0.11-1+deb13u3 2026/10/15 - https://haproxy.org/'");
    expect(await findHaproxy('haproxy', { PATH: `/nowhere:${folder}` })).toEqual({
      ok: true,
      value: { path, version: '3.0.11-1+deb13u3' },
    });
  });

  test('that is missing, too old or something else is told apart, each with what to do', async () => {
    const failureOf = async (path: string) => {
      const found = await findHaproxy(path);
      return found.ok ? found.value : found.failure;
    };
    const detail = expect.stringContaining('apt-get');
    expect(await failureOf(join(folder, 'haproxy'))).toEqual({ kind: 'missing', detail });
    expect(await failureOf(await script("echo 'HA-Proxy version 2.4.22 2023/02/14'"))).toEqual({
      kind: 'too-old',
      detail,
    });
    expect(await failureOf(await script('echo nothing; exit 1'))).toEqual({ kind: 'unreadable', detail });
  });

  test('versions compare by number', () => {
    expect(['2.6.12-1+deb12u4', '2.10.0', '3.0-dev1'].map((version) => atLeast(version, 2, 6))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['2.5.9', '1.9', 'x'].map((version) => atLeast(version, 2, 6))).toEqual([false, false, false]);
    const tiers = ['2.6.12', '2.8.1', '3.0.0', '3.3.1', '3.4.0', '3.5-dev5'].map((v) => capabilities(v, true));
    expect(tiers.map(({ tier }) => tier)).toEqual(['C', 'C', 'B', 'B', 'A', 'A']);
    expect(tiers.map(({ reloadAnswers }) => reloadAnswers)).toEqual([false, true, true, true, true, true]);
    expect(capabilities('3.0.0', false).tier).toBe('D');
  });

  const validator = (binary: string, deadlineMs = 10_000) => ({ binary, environment: DEFAULT_ENVIRONMENT, deadlineMs });
  const never = new AbortController().signal;

  test('that hangs is killed at the deadline, with what it has started', async () => {
    const path = await script(`sleep 60 & echo $! > ${folder}/child; wait`);
    expect(await validateFolder(validator(path, 500), folder, never)).toMatchObject({
      ok: false,
      failure: { kind: 'timeout' },
    });
    const child = Number(await readFile(join(folder, 'child'), 'utf8'));
    await expect.poll(() => identify(child)).toBeUndefined();
  });

  test('that is validating is killed when the validation is aborted', async () => {
    const path = await script('sleep 60');
    const abort = new AbortController();
    const running = validateFolder(validator(path), folder, abort.signal);
    abort.abort();
    expect(await running).toMatchObject({
      ok: false,
      failure: { kind: 'timeout', detail: expect.stringContaining('aborted') },
    });
  });

  test('that does not exist says nothing about the configuration', async () => {
    expect(await validateFolder(validator(join(folder, 'none')), folder, never)).toMatchObject({
      ok: false,
      failure: { kind: 'binary' },
    });
  });

  test('that fails without a word is not taken for valid', async () => {
    expect(await validateFolder(validator(await script('exit 2')), folder, never)).toMatchObject({
      ok: false,
      failure: { kind: 'invalid', diagnostics: [{ severity: 'alert', message: expect.stringContaining('code 2') }] },
    });
  });

  test('sees none of our environment', async () => {
    process.env['PORTOLAN_SECRET'] = 'x';
    const path = await script('[ -z "$PORTOLAN_SECRET" ] || exit 1');
    expect(await validateFolder(validator(path), folder, never)).toEqual({ ok: true, value: [] });
    delete process.env['PORTOLAN_SECRET'];
  });

  test('writes an output that stays bounded, its end kept', async () => {
    const output = join(folder, 'haproxy.out');
    await writeFile(output, `${'x'.repeat(2 * 1024 * 1024)}\nlast line\n`);
    await boundOutput(output);
    expect((await stat(output)).size).toBeLessThanOrEqual(64 * 1024);
    expect(await outputSince(output, 0)).toMatch(/xlast line\n$|\nlast line\n$/);
  });

  test('cannot be given a state directory too long for its sockets', () => {
    expect(socketPathProblem(statePaths('/var/lib/portolan'))).toBeUndefined();
    expect(socketPathProblem(statePaths(`/${'d'.repeat(90)}`))).toContain('too long');
  });
});
