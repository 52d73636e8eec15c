import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'vitest';
import { hostKey } from '../../../src/core/claim-keys.ts';
import { createGenerations } from '../../../src/haproxy/generations.ts';
import { statePaths } from '../../../src/haproxy/paths.ts';
import { createGoodAppsStore } from '../../../src/source/good-apps-store.ts';
import { createMemoryStore } from '../../../src/source/memory-store.ts';
import { HAPROXY, realClock } from '../../support/haproxy-rig.ts';
import { customerApp, servicePort } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { noSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { FULL } from './stage.ts';

const PORT = 30_600;
const MEGABYTES = 6;
const CHANGES = FULL ? 100 : 30;
/** Asks for a name that a watched app has. */
const RIVAL = '/extra/rival';
/** Asks for a port, which only a reload brings: its generation cannot be written. */
const NEW = '/extra/new';

const diskOf = ({ disk }: Stage): SmallDisk => {
  if (disk === undefined) throw new Error('the stage has no disk of its own');
  return disk;
};

/** The newest generation as HAProxy would start with it: every byte as written, and accepted. Gives all of its text. */
async function wholeGeneration(stage: Stage): Promise<string> {
  const disk = diskOf(stage);
  const generations = createGenerations(statePaths(disk.path('')), 10, realClock);
  const { current } = await generations.pointers();
  if (current === undefined) throw new Error('current leads nowhere');
  const stored = await generations.read(current);
  if (stored.is !== 'whole') throw new Error(`generation ${current} is ${JSON.stringify(stored)}`);
  const folder = `${stage.portolan.stateDir}/generations/${current}`;
  const [command = '', ...args] = [...disk.command, HAPROXY, '-c', '-C', folder, '-f', 'haproxy.cfg'];
  const checked = spawnSync(command, args, { encoding: 'utf8' });
  if (checked.status !== 0) throw new Error(`generation ${current} is refused: ${checked.stderr}`);
  return [...stored.files.values()].join('\n');
}

/** Memory, good definitions and journal can be read, and nothing half-written lies about. */
async function wholeFiles(stage: Stage): Promise<void> {
  const disk = diskOf(stage);
  const damaged: string[] = [];
  const parts = { clock: realClock, failed: () => undefined, signal: new AbortController().signal };
  const memory = createMemoryStore({
    ...parts,
    path: disk.path('memory.json'),
    damaged: (file) => void damaged.push(file),
  });
  const { claims } = await memory.load();
  if (damaged.length > 0) throw new Error(`damaged: ${damaged.join()}`);
  const { apps } = await createGoodAppsStore({ ...parts, path: disk.path('good-apps.json') }).load();
  for (const { id, vhost } of stage.apps) {
    const owner = claims.get(keyOf(vhost));
    if (owner !== id) throw new Error(`${vhost} belongs to ${owner} in memory.json`);
    if (!apps.has(id as never)) throw new Error(`${id} is not in good-apps.json`);
  }
  await journal(stage);
}

/** The types of the events that it tells of; every line can be read. */
async function journal(stage: Stage): Promise<readonly string[]> {
  const lines = (await readFile(diskOf(stage).path('journal.ndjson'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}

const keyOf = (vhost: string): string => hostKey({ host: vhost, ignoreCase: false }, 'prefix');

/** Where Marathon runs the tasks of the watched apps. */
const portsOf = ({ marathon, apps }: Stage): readonly number[] =>
  apps.flatMap(({ id }) => marathon.tasks(id).flatMap(({ listens }) => listens.map(({ port }) => port)));

async function newPort({ marathon }: Stage): Promise<number> {
  const shown = await Promise.any(marathon.urls.map((url) => get(Number(new URL(url).port), `/v2/apps${NEW}`)));
  return servicePort(marathon, JSON.parse(shown.text));
}

const fullDisk: Scenario = {
  name: `the disk is full, and ${CHANGES} changes come`,
  rows: ['26'],
  seconds: { full: 30, short: 3 },
  patience: 60,
  async prepare(stage) {
    const { marathon, apps } = stage;
    const [, watched] = apps;
    await marathon.post(customerApp(RIVAL, { labels: { HAPROXY_0_VHOST: watched?.vhost ?? '' } }));
    await marathon.settled(RIVAL);
    // Both are written a second after what they tell: what never was on the disk cannot be whole on it.
    const areWritten = (): Promise<boolean> =>
      wholeFiles(stage).then(
        () => true,
        () => false,
      );
    await until('memory and good definitions are on the disk', areWritten, 30_000);
  },
  async inject(stage) {
    const kilobytes = Math.round((await diskOf(stage).fill()) / 1024);
    stage.says(`${kilobytes} kB taken`);
  },
  async during(stage) {
    const { marathon, apps } = stage;
    for (let n = 0; n < CHANGES; n += 1) {
      const app = apps[n % apps.length];
      await marathon.scale(app?.id ?? '', 2 + (Math.floor(n / apps.length) % 2));
      await new Promise((done) => setTimeout(done, stage.full ? 250 : 60));
    }
    await marathon.post(customerApp(NEW, { mode: 'tcp', labels: { HAPROXY_0_MODE: 'tcp' } }));
    await marathon.settled();
    await until(
      'HAProxy follows',
      async () => {
        const shown = await Promise.all(apps.map(({ vhost }) => stage.portolan.admin(`/v1/routes/${vhost}`)));
        const text = shown.map((one) => one.text).join('\n');
        return portsOf(stage).every((port) => text.includes(String(port)));
      },
      60_000,
    );
    await wholeGeneration(stage);
    await wholeFiles(stage);
    const status = await stage.status();
    for (const { what } of status.diskFailing ?? []) stage.says(what);
  },
  heal: async (stage) => {
    await diskOf(stage).free();
  },
  shows: ({ degraded, diskFailing = [] }) =>
    degraded.includes('disk-failing') && diskFailing.some(({ what }) => what === 'generation')
      ? 'disk-failing'
      : undefined,
  async after(stage) {
    const text = await until('what runs is on the disk', async () => {
      const now = await wholeGeneration(stage);
      return portsOf(stage).every((port) => now.includes(`:${port} `)) ? now : undefined;
    });
    const port = await newPort(stage);
    if (!text.includes(`:${port}`)) return `the new port ${port} is not on the disk`;
    await wholeFiles(stage);
    const told = async (event: string) => (await journal(stage)).includes(event);
    await until('the journal tells of it', async () => (await told('disk-failing')) && told('disk-recovered'));
    const { claims } = (await stage.portolan.admin('/v1/claims')).body as { claims: Record<string, string> };
    const [, watched] = stage.apps;
    if (claims[keyOf(watched?.vhost ?? '')] !== watched?.id) return `${watched?.vhost} belongs to somebody else`;
    const left = (await readdir(diskOf(stage).path(''))).filter((name) => name.endsWith('.new'));
    return left.length === 0 ? undefined : `left on the disk: ${left.join(', ')}`;
  },
  async tidy({ marathon }) {
    for (const id of [RIVAL, NEW]) {
      await marathon.delete(id).catch(() => undefined);
      await marathon.settled(id);
    }
  },
};

const leftOut = noSmallDisk();
if (leftOut === undefined) faultSuite('A full disk', PORT, { diskMegabytes: MEGABYTES }, [fullDisk]);
else
  test('A full disk', ({ skip }) => {
    process.stderr.write(`LEFT OUT, a full disk: ${leftOut}\n`);
    skip(leftOut);
  });
