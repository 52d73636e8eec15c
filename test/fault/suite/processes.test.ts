import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../support/portolan-process.ts';
import { bringChanging, CHANGING, processesOf, relabel, remove, servedTurn } from './changing.ts';
import { pilingUp } from './old-workers.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { crashing, resyncs } from './storms.ts';

/** Old workers that Portolan leaves in peace. */
const MOST_OLD_WORKERS = 4;

type Which = 'worker' | 'master';

async function pidOf(stage: Stage, which: Which): Promise<number> {
  const { haproxy } = await stage.status();
  const pid = which === 'worker' ? haproxy?.workerPid : haproxy?.masterPid;
  if (pid === undefined) throw new Error(`no ${which} is known`);
  return pid;
}

const isStopped = async (pid: number): Promise<boolean> =>
  / T /.test((await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')).replace(/^.*\)/, ''));

/** Stops a process, and waits until somebody has continued it. */
async function stopOnce(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  // All of its threads have to notice; whoever continues it may be faster than this look.
  await until('it is stopped', () => isStopped(pid), 500).catch(() => undefined);
  await until(`${pid} is continued`, async () => !(await isStopped(pid)), 20_000);
}

/** Stops processes of HAProxy again and again; each time somebody has to continue them. Requests wait, and none fails. */
const stopping = (name: string, which: readonly Which[]): Scenario => {
  let over = false;
  return {
    name,
    rows: ['17'],
    seconds: { full: 20, short: 2 },
    async inject() {
      over = false;
      setTimeout(() => (over = true), 2_000);
    },
    async during(stage) {
      const pids = await Promise.all(which.map((one) => pidOf(stage, one)));
      let times = 0;
      while (!over || times === 0) {
        await Promise.all(pids.map(stopOnce));
        times += 1;
      }
      stage.says(`continued ${times} times`);
    },
    async heal(stage) {
      for (const { pid } of await processesOf(stage)) process.kill(pid, 'SIGCONT');
    },
  };
};

/** Whether a new connection is answered: one that was lost with the process that had it may wait for its next packet for seconds. */
const answers = (stage: Stage, vhost: string): Promise<boolean> =>
  Promise.race([
    stage.ask(vhost).then((status) => status === 200),
    new Promise<boolean>((late) => setTimeout(late, 500, false)),
  ]);

/** Whether a request failed between two instants, ms since the epoch. */
function isBetween(failure: string, from: number, to: number): boolean {
  const at = Date.parse(`${new Date(from).toISOString().slice(0, 10)}T${/ at ([\d:.]+)\)$/.exec(failure)?.[1]}Z`);
  return at >= from && at <= to;
}

/** Kills a process of HAProxy: what is under way is lost with it, and new requests are refused until it is there again. */
const killing = (which: Which, withinMs: number): Scenario => {
  let from = 0;
  let backMs = 0;
  return {
    name: `HAProxy’s ${which} is killed`,
    rows: ['17'],
    seconds: { full: 10, short: 3 },
    readyDips: true,
    // The task here is HAProxy; its own death is all that is excused, and only until it has to be back.
    excuse: (failure) => isBetween(failure, from - 50, from + withinMs + 500),
    async inject(stage) {
      const pid = await pidOf(stage, which);
      const [watched] = stage.apps;
      if (watched === undefined) throw new Error('nothing is watched');
      from = Date.now();
      process.kill(pid, 'SIGKILL');
      await until('it is gone', async () => !(await processesOf(stage)).some((one) => one.pid === pid), 2_000);
      await until('it serves', () => answers(stage, watched.vhost), withinMs);
      backMs = Date.now() - from;
    },
    heal: async () => undefined,
    after: async (stage) => {
      stage.says(`back after ${backMs} ms`);
      return backMs <= withinMs ? undefined : `back after ${backMs} ms`;
    },
  };
};

/** Deletes sockets of HAProxy; what changes meanwhile has to arrive without a reload. */
const deleting = (name: string, files: readonly string[]): Scenario => ({
  name,
  rows: ['5', '17'],
  seconds: { full: 10, short: 2 },
  async inject(stage) {
    for (const file of files) await rm(join(stage.portolan.stateDir, 'run', file), { force: true });
  },
  async during(stage) {
    const [watched] = stage.apps;
    if (watched === undefined) throw new Error('nothing is watched');
    const before = await stage.status();
    await stage.marathon.scale(watched.id, 3);
    await stage.marathon.settled(watched.id);
    const ports = stage.marathon.tasks(watched.id).flatMap(({ listens }) => listens.map(({ port }) => port));
    await until(
      'the change is carried',
      async () => {
        const { text } = await stage.portolan.admin(`/v1/routes/${watched.vhost}`);
        return ports.every((port) => text.includes(String(port))) && (await stage.status()).converged;
      },
      20_000,
    );
    const after = await stage.status();
    if (after.haproxy?.reloads !== before.haproxy?.reloads) throw new Error('a reload was needed');
    stage.says('put back');
  },
  heal: async ({ marathon, apps }) => {
    await marathon.scale(apps[0]?.id ?? '', 2);
    await marathon.settled(apps[0]?.id ?? '');
  },
});

/** The master is stopped again and again while a reload has to go through it. */
function stoppedReload(): Scenario {
  let before = 0;
  return {
    name: 'HAProxy’s master is stopped while it reloads',
    rows: ['5', '17'],
    seconds: { full: 30, short: 4 },
    prepare: bringChanging,
    async inject(stage) {
      const pid = await pidOf(stage, 'master');
      before = (await stage.status()).haproxy?.generation ?? 0;
      await relabel(stage, 1);
      for (let n = 0; n < 10; n += 1) await stopOnce(pid);
    },
    async heal(stage) {
      await until('the reload came through', async () => (await servedTurn(stage)) === 1, 20_000);
      const after = (await stage.status()).haproxy?.generation ?? 0;
      stage.says(`generation ${before}, then ${after}`);
    },
    tidy: (stage) => remove(stage, CHANGING),
  };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The worker that a reload has just started is killed, or the one that it replaces. */
function killedReload(which: 'new' | 'old'): Scenario {
  const within = 5_000;
  let from = 0;
  return {
    name: `HAProxy’s ${which} worker is killed in the middle of a reload`,
    rows: ['5', '17'],
    seconds: { full: 10, short: 2 },
    ...(which === 'old' ? { onlyFull: true } : {}),
    readyDips: true,
    prepare: bringChanging,
    excuse: (failure) => isBetween(failure, from - 50, from + within + 500),
    async inject(stage) {
      const old = await pidOf(stage, 'worker');
      const known = new Set((await processesOf(stage)).map(({ pid }) => pid));
      await relabel(stage, 1);
      const started = await until('a new worker starts', async () =>
        (await processesOf(stage)).find(({ pid }) => !known.has(pid)),
      );
      from = Date.now();
      // The old one may have ended by itself.
      killIfThere(which === 'new' ? started.pid : old);
      const [watched] = stage.apps;
      await until('it serves', () => answers(stage, watched?.vhost ?? ''), within);
      stage.says(`serves after ${Date.now() - from} ms`);
    },
    async heal(stage) {
      await until('the reload came through', async () => (await servedTurn(stage)) === 1, 30_000);
    },
    tidy: (stage) => remove(stage, CHANGING),
  };
}

const ALL: readonly Scenario[] = [
  stopping('HAProxy’s worker is stopped again and again', ['worker']),
  { ...stopping('HAProxy’s master is stopped again and again', ['master']), onlyFull: true },
  { ...stopping('HAProxy’s worker and master are stopped again and again', ['worker', 'master']), onlyFull: true },
  { ...stoppedReload(), onlyFull: true },
  { ...deleting('HAProxy’s runtime socket is deleted', ['haproxy.sock']), onlyFull: true },
  { ...deleting('HAProxy’s master socket is deleted', ['master.sock']), onlyFull: true },
  deleting('both of HAProxy’s sockets are deleted', ['haproxy.sock', 'master.sock']),
  pilingUp('old-workers', MOST_OLD_WORKERS, { onlyFull: true }),
  { ...crashing(), onlyFull: true },
  resyncs(),
  killedReload('new'),
  killedReload('old'),
  killing('worker', 2_000),
  killing('master', 5_000),
];

faultSuite(
  'HAProxy’s processes',
  26_300,
  { flags: ['--max-old-workers', String(MOST_OLD_WORKERS), '--reload-budget', '600'] },
  ALL,
);
