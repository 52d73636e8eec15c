import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TEMPLATE_NAMES, type TemplateFailure, type TemplateSources } from '../../../src/core/config.ts';
import { fail, ok, type Result } from '../../../src/core/result.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { createOperatorFiles } from '../../../src/source/operator-files.ts';
import { makeSelfSigned } from '../../../src/source/self-signed.ts';
import { clock, collector, follow, until } from './rig.ts';

/** Refuses every set with `BROKEN` in it. */
function accept(sources: TemplateSources): Result<unknown, TemplateFailure> {
  const broken = Object.values(sources).find(({ text }) => text.includes('BROKEN'));
  return broken === undefined ? ok(undefined) : fail({ file: broken.file, line: 1, message: 'broken' });
}

const fresh = (name: string) => mkdtemp(join(tmpdir(), `portolan-${name}-`));

async function start(more: Partial<Settings> = {}) {
  const defaults = await fresh('defaults');
  for (const name of TEMPLATE_NAMES) await writeFile(join(defaults, `${name}.hbs`), `default ${name}`);
  const stateDir = await fresh('state');
  const collected = collector();
  const create = () =>
    createOperatorFiles({
      settings: { sslCerts: [], stateDir, httpsBind: [{ address: '*', port: 443 }], ...more },
      defaults,
      accept,
      clock,
      emit: collected.emit,
      debounceMs: 30,
    });
  return { defaults, stateDir, create, ...collected };
}

async function started(more: Partial<Settings> = {}) {
  const rig = await start(more);
  const files = await rig.create();
  if (!files.ok) throw new Error(files.failure.message);
  return { ...rig, files: files.value };
}

describe('templates', () => {
  test('are the package’s, replaced by the operator’s of the same name; others there are pointed out', async () => {
    const templates = await fresh('overrides');
    await writeFile(join(templates, 'stats.hbs'), 'mine');
    await writeFile(join(templates, 'statz.hbs'), 'typo');
    await writeFile(join(templates, 'README'), 'not a template');
    const { files, of, defaults, events } = await started({ templates });
    expect(files.templates().stats).toEqual({ file: join(templates, 'stats.hbs'), text: 'mine' });
    expect(files.templates().global).toEqual({ file: join(defaults, 'global.hbs'), text: 'default global' });
    expect(of('templates-loaded')).toEqual([{ type: 'templates-loaded', overridden: ['stats'] }]);
    expect(of('template-refused').map(({ failure }) => failure.file)).toEqual([join(templates, 'statz.hbs')]);
    // What is loaded says that all is well: what is not comes behind it.
    const types = events.map(({ type }) => type).filter((type) => type.startsWith('template'));
    expect(types).toEqual(['templates-loaded', 'template-refused']);
  });

  test('of the package must be usable', async () => {
    const { create, defaults } = await start();
    await writeFile(join(defaults, 'global.hbs'), 'BROKEN');
    expect(await create()).toMatchObject({ ok: false, failure: { file: join(defaults, 'global.hbs') } });
    await rm(join(defaults, 'global.hbs'));
    expect(await create()).toMatchObject({ ok: false, failure: { file: join(defaults, 'global.hbs') } });
  });

  test('a broken or missing override at the start leaves the package’s', async () => {
    const templates = await fresh('overrides');
    await writeFile(join(templates, 'stats.hbs'), 'BROKEN');
    await writeFile(join(templates, 'global.hbs'), 'good, but of a broken set');
    const broken = await started({ templates });
    expect(broken.files.templates().global.text).toBe('default global');
    expect(broken.of('template-refused')).toMatchObject([{ failure: { file: join(templates, 'stats.hbs'), line: 1 } }]);
    const missing = await started({ templates: join(templates, 'none') });
    expect(missing.of('template-refused')).toMatchObject([{ failure: { file: join(templates, 'none') } }]);
  });

  test('are loaded again when they change; a broken set is refused once and the old one stays', async () => {
    const templates = await fresh('overrides');
    const { files, of } = await started({ templates });
    const { hints } = follow(files);
    await writeFile(join(templates, 'stats.hbs'), 'one');
    await until(() => hints.length === 1);
    expect(files.templates().stats.text).toBe('one');
    await writeFile(join(templates, 'stats.hbs'), 'BROKEN');
    await until(() => of('template-refused').length === 1);
    expect(files.templates().stats.text).toBe('one');
    await writeFile(join(templates, 'draft'), 'two');
    await rename(join(templates, 'draft'), join(templates, 'stats.hbs'));
    await until(() => hints.length === 2);
    await rm(join(templates, 'stats.hbs'));
    await until(() => hints.length === 3);
    expect(files.templates().stats.text).toBe('default stats');
    expect(of('template-refused')).toHaveLength(1);
    expect(hints.every(({ scope, reason }) => scope === 'all' && reason === 'templates')).toBe(true);
  });

  test('a mounted folder whose link is swapped is one change', async () => {
    const templates = await fresh('mounted');
    for (const version of ['1', '2']) {
      await mkdir(join(templates, `..${version}`));
      await writeFile(join(templates, `..${version}`, 'stats.hbs'), `version ${version}`);
    }
    await symlink('..1', join(templates, '..data'));
    await symlink('..data/stats.hbs', join(templates, 'stats.hbs'));
    const { files, of } = await started({ templates });
    const { hints } = follow(files);
    await symlink('..2', join(templates, '..new'));
    await rename(join(templates, '..new'), join(templates, '..data'));
    await until(() => hints.length === 1);
    expect(files.templates().stats.text).toBe('version 2');
    expect(of('templates-loaded')).toHaveLength(2);
  });
});

describe('certificates', () => {
  const pem = (name: string) => {
    const now = Date.now();
    const made = makeSelfSigned({ commonName: name, names: [name], notBefore: now - 1e6, notAfter: now + 1e9 });
    return made.certificate + made.key;
  };

  test('without any, :443 gets a self-signed one; without :443 none is made', async () => {
    const { files, stateDir, of } = await started();
    expect(files.certificates().usable.map(({ path }) => path)).toEqual([
      join(stateDir, 'certificates/self-signed.pem'),
    ]);
    expect(of('certificates-loaded')).toHaveLength(1);
    const off = await started({ httpsBind: [] });
    expect(off.files.certificates().usable).toEqual([]);
  });

  test('are read again when they change: added, renewed, broken, removed', async () => {
    const certs = await fresh('certs');
    const { files, of } = await started({ sslCerts: [certs] });
    const { hints } = follow(files);
    const names = () => files.certificates().usable.flatMap((each) => each.names);
    await writeFile(join(certs, 'a.pem'), pem('a.example'));
    await until(() => names().includes('a.example'));
    const before = files.certificates().usable[0]?.digest;
    await writeFile(join(certs, 'a.pem'), pem('a.example'));
    await until(() => files.certificates().usable[0]?.digest !== before);
    await writeFile(join(certs, 'b.pem'), 'random bytes');
    await until(() => files.certificates().refused.length === 1);
    expect(names()).toEqual(['a.example']);
    await rm(join(certs, 'a.pem'));
    await until(() => names().includes('portolan.invalid'));
    expect(of('certificates-loaded').length).toBe(hints.length + 1);
    expect(hints.every(({ scope, reason }) => scope === 'all' && reason === 'certificates')).toBe(true);
  });

  test('a single file is watched through its folder', async () => {
    const path = join(await fresh('certs'), 'only.pem');
    await writeFile(path, pem('one.example'));
    const { files } = await started({ sslCerts: [path] });
    const { hints } = follow(files);
    await writeFile(`${path}.new`, pem('two.example'));
    await rename(`${path}.new`, path);
    await until(() => hints.length === 1);
    expect(files.certificates().usable[0]?.names).toEqual(['two.example']);
  });
});
