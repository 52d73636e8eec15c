import { readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { findByMasterSocket } from '../../../src/haproxy/processes.ts';
import { customerApp, servicePort } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';

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

/** Every process of the stage's HAProxy. */
const processesOf = (stage: Stage) => findByMasterSocket(join(stage.portolan.stateDir, 'run', 'master.sock'));

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
    excuse: (failure) => {
      const at = Date.parse(`${new Date(from).toISOString().slice(0, 10)}T${/ at ([\d:.]+)\)$/.exec(failure)?.[1]}Z`);
      return at >= from - 50 && at <= from + withinMs + 500;
    },
    async inject(stage) {
      const pid = await pidOf(stage, which);
      const [watched] = stage.apps;
      if (watched === undefined) throw new Error('nothing is watched');
      from = Date.now();
      process.kill(pid, 'SIGKILL');
      await until('it is gone', async () => !(await processesOf(stage)).some((one) => one.pid === pid), 2_000);
      await until('it serves', async () => (await stage.ask(watched.vhost)) === 200, withinMs);
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

/** Changes what only a reload can bring. */
const relabel = (stage: Stage, n: number) =>
  stage.marathon.put(
    '/extra/changing',
    {
      labels: {
        HAPROXY_GROUP: 'external',
        HAPROXY_0_BIND_ADDR: '127.0.0.1',
        HAPROXY_0_VHOST: 'changing.fault.example',
        HAPROXY_0_BALANCE: n % 2 === 0 ? 'leastconn' : 'source',
      },
    },
    true,
  );

const changing = () =>
  customerApp('/extra/changing', { healthChecks: [], labels: { HAPROXY_0_VHOST: 'changing.fault.example' } });

async function remove(stage: Stage, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await stage.marathon.delete(id).catch(() => undefined);
    await stage.marathon.settled(id);
  }
}

/** The master is stopped again and again while a reload has to go through it. */
const stoppedReload: Scenario = {
  name: 'HAProxy’s master is stopped while it reloads',
  rows: ['5', '17'],
  seconds: { full: 30, short: 4 },
  prepare: async ({ marathon }) => {
    await marathon.post(changing());
    await marathon.settled('/extra/changing');
  },
  async inject(stage) {
    const pid = await pidOf(stage, 'master');
    const before = (await stage.status()).counts.reloads;
    await relabel(stage, 0);
    for (let n = 0; n < 10; n += 1) await stopOnce(pid);
    stage.says(`${(await stage.status()).counts.reloads - before} reloads meanwhile`);
  },
  heal: (stage) => remove(stage, '/extra/changing'),
};

interface Session {
  says(text: string): Promise<string>;
  close(): void;
}

/** A connection to a TCP service that stays, and is used from time to time. */
async function openSession(port: number): Promise<Session> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  let text = '';
  let closed = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  const line = async (): Promise<string> => {
    await until('a line comes', () => text.includes('\n') || closed, 10_000);
    if (closed) throw new Error('the session was cut');
    const [first = '', ...rest] = text.split('\n');
    text = rest.join('\n');
    return first;
  };
  await line();
  return {
    says: (said) => {
      socket.write(`${said}\n`);
      return line();
    },
    close: () => socket.destroy(),
  };
}

/** Reloads leave workers with long sessions behind, until there may be no more of them. */
function pilingUp(): Scenario {
  let sessions: Session[] = [];
  let most = 0;
  return {
    name: 'every old worker keeps a long session while labels change on and on',
    onlyFull: true,
    rows: ['8', '28', 'I7'],
    seconds: { full: 60, short: 5 },
    prepare: async ({ marathon }) => {
      sessions = [];
      most = 0;
      await marathon.post(changing());
      await marathon.post(customerApp('/extra/sessions', { mode: 'tcp', labels: { HAPROXY_0_MODE: 'tcp' } }));
      await marathon.settled();
    },
    async inject(stage) {
      const { marathon } = stage;
      const shown = await Promise.any(
        marathon.urls.map((url) => get(Number(new URL(url).port), '/v2/apps/extra/sessions')),
      );
      const port = servicePort(marathon, JSON.parse(shown.text));
      for (let n = 0; ; n += 1) {
        if (n > 3 * MOST_OLD_WORKERS) throw new Error('no reload was ever held');
        sessions.push(await until('a session opens', () => openSession(port).catch(() => undefined), 10_000));
        const { reloads } = (await stage.status()).counts;
        await relabel(stage, n);
        const status = await until(
          'it is reloaded, or held',
          async () => {
            const now = await stage.status();
            return now.counts.reloads > reloads || now.reloadHeld !== undefined ? now : undefined;
          },
          20_000,
        );
        if (status.reloadHeld?.because === 'old-workers') break;
      }
    },
    shows: ({ reloadHeld, degraded }) =>
      reloadHeld?.because === 'old-workers' && degraded.includes('reload-held') ? 'reload-held' : undefined,
    async during(stage) {
      for (let n = 0; n < (stage.full ? 50 : 6); n += 1) {
        await relabel(stage, n);
        // What the socket can carry goes on.
        await stage.marathon.scale('/fault/app-1', 2 + (n % 2));
        await stage.marathon.settled();
        most = Math.max(most, (await stage.status()).haproxy?.oldWorkers ?? 0);
      }
      for (const [n, session] of sessions.entries()) {
        const echoed = await session.says(`still here ${n}`);
        if (!echoed.includes(`still here ${n}`)) throw new Error(`session ${n} says ${echoed}`);
      }
      stage.says(`${sessions.length} sessions on ${most} old workers`);
    },
    async heal(stage) {
      for (const session of sessions) session.close();
      await stage.marathon.scale('/fault/app-1', 2);
      await remove(stage, '/extra/changing', '/extra/sessions');
    },
    after: async () => (most <= MOST_OLD_WORKERS ? undefined : `there were ${most} old workers`),
  };
}

/** An app whose tasks die at once must not keep anybody else waiting. */
const crashing: Scenario = {
  name: 'an app crashes again and again while another one comes up',
  rows: ['10', 'I7'],
  seconds: { full: 60, short: 4 },
  prepare: async ({ marathon }) => {
    await marathon.post(
      customerApp('/extra/crash', {
        instances: 3,
        healthChecks: [],
        labels: { HAPROXY_0_VHOST: 'crash.fault.example' },
      }),
    );
    await marathon.settled('/extra/crash');
  },
  inject: async () => undefined,
  async during(stage) {
    const { marathon } = stage;
    let over = false;
    const crash = (async () => {
      while (!over) {
        marathon.crashTask('/extra/crash');
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    try {
      await marathon.post(
        customerApp('/extra/new', { healthChecks: [], labels: { HAPROXY_0_VHOST: 'new.fault.example' } }),
      );
      await marathon.until('/extra/new', (tasks) => tasks.some(({ state }) => state === 'TASK_RUNNING'));
      const from = Date.now();
      await until('the new app is served', async () => (await stage.ask('new.fault.example')) === 200, 3_000);
      stage.says(`another app served after ${Date.now() - from} ms`);
    } finally {
      over = true;
      await crash;
    }
  },
  heal: (stage) => remove(stage, '/extra/crash', '/extra/new'),
};

/** Asks the daemon to read everything again. */
const resync = (stateDir: string): Promise<number> =>
  new Promise((resolve) => {
    const asked = request(
      { socketPath: join(stateDir, 'admin.sock'), path: '/v1/resync', method: 'POST', headers: { host: 'localhost' } },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    asked.on('error', () => resolve(0));
    asked.end();
  });

const resyncs: Scenario = {
  name: 'a hundred at a time ask to read everything again, while labels change',
  rows: ['9', '27'],
  seconds: { full: 20, short: 3 },
  prepare: async ({ marathon }) => {
    await marathon.post(changing());
    await marathon.settled('/extra/changing');
  },
  async inject(stage) {
    await relabel(stage, 0);
    const codes = await Promise.all(Array.from({ length: 100 }, () => resync(stage.portolan.stateDir)));
    const refused = codes.filter((code) => code < 200 || code > 299);
    if (refused.length > 0) throw new Error(`${refused.length} of them got ${refused[0]}`);
  },
  heal: (stage) => remove(stage, '/extra/changing'),
  after: async (stage) => {
    await until('old workers have ended', async () => (await processesOf(stage)).length === 2, 10_000);
    return undefined;
  },
};

const ALL: readonly Scenario[] = [
  stopping('HAProxy’s worker is stopped again and again', ['worker']),
  stopping('HAProxy’s master is stopped again and again', ['master']),
  stopping('HAProxy’s worker and master are stopped again and again', ['worker', 'master']),
  stoppedReload,
  deleting('HAProxy’s runtime socket is deleted', ['haproxy.sock']),
  deleting('HAProxy’s master socket is deleted', ['master.sock']),
  deleting('both of HAProxy’s sockets are deleted', ['haproxy.sock', 'master.sock']),
  pilingUp(),
  crashing,
  resyncs,
  killing('worker', 2_000),
  killing('master', 5_000),
];

faultSuite(
  'HAProxy’s processes',
  26_300,
  { flags: ['--max-old-workers', String(MOST_OLD_WORKERS), '--reload-budget', '600'] },
  ALL,
);
