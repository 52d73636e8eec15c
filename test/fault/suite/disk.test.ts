import { fork, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../../src/demo/random.ts';
import { createGenerations } from '../../../src/haproxy/generations.ts';
import { createGoodAppsStore } from '../../../src/source/good-apps-store.ts';
import { createMemoryStore } from '../../../src/source/memory-store.ts';
import { type DiskWriterTask, ROUND_SIZE } from '../../support/disk-task.ts';
import { createHaproxyRig, HAPROXY, type HaproxyRig, realClock } from '../../support/haproxy-rig.ts';
import { get } from '../../support/http-get.ts';
import { report } from './report.ts';
import { FULL } from './stage.ts';

const KILLS = FULL ? 200 : 15;
/** HAProxy is really started with what every so manieth kill left. */
const START_EVERY = 20;
const PORT = 27_380;

let rig: HaproxyRig;
beforeAll(async () => {
  rig = await createHaproxyRig();
});
afterAll(() => rig.cleanup());

/** Lets a process write from a round on, and kills it `ms` after the first round. Gives the last round it told of. */
async function writeAndKill(task: DiskWriterTask, ms: number): Promise<number> {
  const child = fork(resolve(import.meta.dirname, '../../support/disk-writer.ts'), [], { execArgv: [] });
  let told = task.from - 1;
  const over = new Promise((done) => child.once('exit', done));
  const begun = new Promise<void>((done, failed) => {
    child.once('exit', () => failed(new Error('the writer ended by itself')));
    child.on('message', (round: number) => {
      told = round;
      done();
    });
  });
  child.send(task);
  await begun;
  await new Promise((done) => setTimeout(done, ms));
  child.kill('SIGKILL');
  await over;
  return told;
}

/** What must hold of a state directory whose owner was killed after `told`. */
async function look(stateDir: string, told: number): Promise<void> {
  const generations = createGenerations(rig.paths, 3, realClock);
  expect(await generations.open()).toMatchObject({ ok: true });
  const { value: best } = await generations.startOrder().next();
  if (best === undefined) throw new Error('no generation to start with');
  const stored = await generations.read(best);
  expect(stored.is).toBe('whole');
  const written = Number(
    /x-config (\d+)/.exec(await readFile(join(generations.folder(best), 'haproxy.cfg'), 'utf8'))?.[1],
  );
  expect(written).toBeGreaterThanOrEqual(told);
  const checked = spawnSync(HAPROXY, ['-c', '-C', generations.folder(best), '-f', 'haproxy.cfg'], { encoding: 'utf8' });
  expect(checked.status, checked.stderr).toBe(0);

  const memory = await createMemoryStore({
    path: `${stateDir}/memory.json`,
    clock: realClock,
    failed: () => undefined,
    signal: new AbortController().signal,
  }).load();
  expect(memory.claims.size).toBe(ROUND_SIZE);
  expect(memory.health.size).toBe(ROUND_SIZE);
  const holders = new Set(memory.claims.values());
  expect(holders.size).toBe(1);
  expect(Number([...holders][0]?.split('/')[2])).toBeGreaterThanOrEqual(told);

  const good = await createGoodAppsStore({
    path: `${stateDir}/good-apps.json`,
    clock: realClock,
    failed: () => undefined,
    signal: new AbortController().signal,
  }).load();
  expect(good.apps.size).toBe(ROUND_SIZE);
  const rounds = new Set([...good.apps.values()].map(({ labels }) => labels.get('ROUND')));
  expect(rounds.size).toBe(1);
  expect(Number([...rounds][0])).toBeGreaterThanOrEqual(told);

  const lines = (await readFile(`${stateDir}/journal.ndjson`, 'utf8').catch(() => '')).split('\n');
  for (const line of lines) if (line !== '') JSON.parse(line);
}

test(`${KILLS} kills at any instant leave what HAProxy can start with`, { retry: 0, timeout: 600_000 }, async () => {
  const seed = Date.now() % 1_000_000;
  const random = createRandom(seed);
  const { root } = rig.paths;
  const files = [
    ...rig.config({ ports: [PORT], servers: [], name: 'NUMBER', frontend: ['http-request return status 200'] }).files,
  ];
  const began = performance.now();
  let told = 0;
  let starts = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    told = await writeAndKill({ stateDir: root, files, from: told + 1 }, random.next() * 60);
    await look(root, told).catch((error: unknown) => {
      throw new Error(`kill ${kill}, seed ${seed}: ${error instanceof Error ? error.message : error}`);
    });
    if (kill % START_EVERY !== 0) continue;
    const haproxy = rig.adapter();
    expect(await haproxy.start()).toMatchObject({ ok: true });
    expect(Number((await get(PORT)).headers['x-config'])).toBeGreaterThanOrEqual(told);
    await haproxy.stop('drain');
    starts++;
  }
  report({
    suite: 'Disk',
    fault: `${KILLS} kills while it writes`,
    rows: ['26'],
    restarted: false,
    lastedMs: performance.now() - began,
    asked: starts,
    failed: 0,
    excused: 0,
    retried: 0,
    state: `${told} rounds written, HAProxy started ${starts} times`,
    recoveredMs: 0,
  });
});
