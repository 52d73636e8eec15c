import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App, AppId } from '../../../src/core/app.ts';
import type { SavedApps } from '../../../src/core/ports.ts';
import type { Quarantined } from '../../../src/core/quarantine.ts';
import { createGoodAppsStore } from '../../../src/source/good-apps-store.ts';
import { until } from '../../support/portolan-process.ts';
import { app, task } from '../core/table-rig.ts';
import { clock } from './rig.ts';

let folder = '';
let path = '';
const ending = new AbortController();
afterAll(() => ending.abort());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'good-'));
  path = join(folder, 'good-apps.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function store() {
  const failures: string[] = [];
  const failed = (detail: string) => void failures.push(detail);
  return { ...createGoodAppsStore({ path, clock, failed, signal: ending.signal, againMs: 10, pauseMs: 10 }), failures };
}
const NOBODY: ReadonlyMap<AppId, Quarantined> = new Map();
const saving = (apps: readonly App[], quarantined = NOBODY): SavedApps => ({ apps, quarantined });
const bare = (one: App): App => ({ ...one, tasks: [], deployments: [] });
const web = (label: string, tasks = 1) => app('/web', { labels: { HAPROXY_0_VHOST: label }, ports: [10_001], tasks });

describe('good definitions on disk', () => {
  it('come back without tasks, whatever is in their labels', async () => {
    const odd = app('/odd', { labels: { HAPROXY_0_PATH: '"\n,\n"sha256":"', note: '\u0000💥' } });
    const { save, flush } = store();
    save(saving([odd, web('web.example')]));
    await flush();
    const { apps, quarantined } = await store().load();
    expect(apps).toEqual(new Map([odd, web('web.example')].map((one) => [one.id, bare(one)])));
    expect(quarantined.size).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  it('of a quarantined app are what stands in for it, and why', async () => {
    const good = web('good.example', 2);
    const entry: Quarantined = {
      step: 'definition',
      asked: 'x',
      since: 5,
      message: 'its words',
      label: 'L',
      value: 'v',
      good,
    };
    const never: Quarantined = { step: 'out', asked: 'y', since: 6, message: 'others' };
    const { save, flush } = store();
    const refused = app('/zzz', {});
    save(
      saving(
        [web('bad.example'), refused],
        new Map([
          [good.id, entry],
          [refused.id, never],
        ]),
      ),
    );
    await flush();
    const { apps, quarantined } = await store().load();
    expect(apps).toEqual(new Map([[good.id, bare(good)]]));
    expect(quarantined).toEqual(
      new Map([
        [good.id, { ...entry, good: bare(good) }],
        [refused.id, never],
      ]),
    );
  });

  it('are written again only when a definition, or the quarantine, is not as it was', async () => {
    const { save, flush } = store();
    const apps = [app('/a', { tasks: 1 }), web('web.example')];
    const written = async (saved: SavedApps): Promise<boolean> => {
      await rm(path, { force: true });
      save(saved);
      await flush();
      return stat(path).then(
        () => true,
        () => false,
      );
    };
    expect(await written(saving(apps))).toBe(true);
    expect(
      await written(saving(apps.map((one) => ({ ...one, tasks: [task('new')], deployments: ['d'], instances: 9 })))),
    ).toBe(false);
    expect(await written(saving([...apps.slice(0, 1), web('other.example')]))).toBe(true);
    expect(await written(saving(apps.slice(0, 1)))).toBe(true);
    const one: Quarantined = { step: 'out', asked: '', since: 0, message: '' };
    expect(await written(saving(apps.slice(0, 1), new Map([['/a' as AppId, one]])))).toBe(true);
  });

  it('are looked at beside whoever saves, the newest only', async () => {
    const { save } = store();
    for (let n = 0; n < 1_000; n += 1) save(saving([web(`host-${n}.example`)]));
    const labels = async () =>
      [...(await store().load()).apps.values()].map((one) => one.labels.get('HAPROXY_0_VHOST'));
    await until('the newest is on disk', async () => (await labels())[0] === 'host-999.example');
  });

  it('are many, and whole', async () => {
    const many = Array.from({ length: 1_234 }, (_, n) =>
      app(`/app-${String(n).padStart(5, '0')}`, { labels: { n: `${n}` } }),
    );
    const { save, flush } = store();
    save(saving(many));
    await flush();
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ schema: 1 });
    expect([...(await store().load()).apps.values()]).toEqual(many.map(bare));
  });
});

describe('a file that is damaged', () => {
  const twice = async () => {
    const { save, flush } = store();
    save(saving([web('older.example')]));
    await flush();
    save(saving([web('newer.example')]));
    await flush();
  };
  const host = async () => (await store().load()).apps.get('/web' as AppId)?.labels.get('HAPROXY_0_VHOST');

  it.each([
    ['a byte flipped inside a label', (text: string) => text.replace('newer', 'nexer')],
    ['cut', (text: string) => text.slice(0, -20)],
    ['empty', () => ''],
    ['of another schema', (text: string) => text.replace('"schema":1', '"schema":2')],
    ['something behind it', (text: string) => `${text}{}`],
  ])('%s: the one before counts', async (_, damage) => {
    await twice();
    expect(await host()).toBe('newer.example');
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(await host()).toBe('older.example');
  });

  it('and the one before as well: none counts', async () => {
    await twice();
    for (const one of [path, `${path}.1`]) await writeFile(one, 'nonsense');
    expect((await store().load()).apps.size).toBe(0);
  });

  it('that a disk does not take is told, and saved once the disk takes it', async () => {
    const blocked = join(folder, 'state');
    await writeFile(blocked, 'a file where a folder belongs');
    path = join(blocked, 'good-apps.json');
    const one = store();
    one.save(saving([web('web.example')]));
    await until('it is told', () => one.failures.length > 0);
    await rm(blocked);
    await until('it is saved', async () => (await store().load()).apps.size === 1);
  });
});
