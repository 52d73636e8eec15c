import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressOf, hostOf, PORTS, seededId } from '../apps.ts';
import { startAlone } from '../haproxy-alone.ts';
import { type LoadResult, runLoad } from '../load.ts';
import type { Measurement } from '../measurement.ts';
import { reloads } from '../metrics.ts';
import type { BenchOptions } from '../options.ts';
import { cpuMs, haproxyFinder, memoryMb, pause } from '../processes.ts';
import { createStage, type Stage } from '../stage.ts';

const APPS = 320;
const CHANGES_PER_SECOND = 20;
const REQUESTS_PER_SECOND = 220;

/** (g) Tasks come and go under load; each ends so many seconds after it was told to. */
export async function churn(options: BenchOptions): Promise<readonly Measurement[]> {
  const figures: Measurement[] = [];
  for (const grace of [0.3, 3]) figures.push(...(await churnWith(options, grace)));
  return figures;
}

async function churnWith(options: BenchOptions, grace: number): Promise<readonly Measurement[]> {
  const seconds = options.quick ? 8 : 60;
  const stage = await createStage(options, APPS, {
    name: `churn-${grace}`,
    marathon: { tasks: 'real', health: 'real', killGraceSeconds: grace },
    app: {
      taskKillGracePeriodSeconds: grace,
      // The stage's answering HAProxy has the other port on every address.
      container: {
        type: 'MESOS',
        portMappings: [{ containerPort: PORTS.tasks, servicePort: 0, protocol: 'tcp', name: 'http' }],
      },
    },
  });
  try {
    await stage.start();
    const alone = await haproxyWithoutChanges(stage, options.quick ? 3 : 15);
    const bare = await bareHaproxy(stage, options.quick ? 3 : 15);
    const before = await reloads(stage.portolan);
    const watch = watchHaproxy(stage);
    const cpu = await cpuMs(stage.pid());
    const loading = requests(stage, seconds * 1_000);
    const changes = await change(stage, seconds * 1_000, 0);
    const result = await loading;
    const used = ((await cpuMs(stage.pid())) - cpu) / 1_000;
    const haproxy = await watch.stop();
    const reloaded = (await reloads(stage.portolan)) - before;
    const reading = await readerAlone(stage, options.quick ? 3 : 15, changes);
    for (const [why, count] of Object.entries(result.failures))
      console.error(`churn, ${grace} s grace: ${count} × ${why}`);
    const named = (what: string) => ({ scenario: 'g', apps: APPS, what: `${grace} s grace, ${what}` });
    // The goals are for a minute.
    const most = (4 * seconds) / 60;
    return [
      {
        ...named('failed requests'),
        value: result.failed,
        unit: 'count',
        samples: result.ok + result.failed,
        goal: { most: 0 },
      },
      { ...named('asked again on a closed connection'), value: result.retried, unit: 'count' },
      { ...named('changes'), value: changes, unit: 'count' },
      { ...named('reloads'), value: reloaded, unit: 'count', goal: { most: 0 } },
      { ...named('answers, p99'), value: result.p99, unit: 'ms' },
      { ...named('Portolan'), value: used, unit: 's CPU', yardstick: reading * seconds, goal: { most } },
      {
        ...named('HAProxy'),
        value: haproxy.cpuMs / 1_000,
        unit: 's CPU',
        yardstick: alone * seconds,
        goal: { most },
      },
      { ...named('a HAProxy that only forwards'), value: bare * seconds, unit: 's CPU' },
      { ...named('most HAProxy processes'), value: haproxy.processes, unit: 'processes' },
      { ...named('RSS of Portolan'), value: (await memoryMb(stage.pid())).now, unit: 'MB' },
    ];
  } finally {
    await stage.destroy();
  }
}

/** New and kept connections to all apps, one after the other. */
function requests({ httpPort }: Pick<Stage, 'httpPort'>, ms: number): Promise<LoadResult> {
  const targets = Array.from({ length: APPS }, (_, n) => ({
    address: '127.0.0.1',
    port: httpPort,
    host: hostOf(seededId(n)),
  }));
  return runLoad({ targets, ms, shape: { kind: 'steady', perSecond: REQUESTS_PER_SECOND } });
}

/** The floor: what HAProxy takes for the same requests while nothing changes, in seconds of CPU a second. */
async function haproxyWithoutChanges(stage: Stage, seconds: number): Promise<number> {
  const watch = watchHaproxy(stage);
  await requests(stage, seconds * 1_000);
  return (await watch.stop()).cpuMs / 1_000 / seconds;
}

/**
 * What the same requests cost a HAProxy that only hands them to one task, in seconds of CPU a second: no configuration with routes
 * can cost less than that.
 */
async function bareHaproxy(stage: Stage, seconds: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-bare-'));
  const file = join(folder, 'haproxy.cfg');
  const [address] = stage.marathon.tasks(seededId(0)).map(({ json }) => addressOf(json));
  const lines = [
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 30s',
    'frontend bare',
    `  bind 127.0.0.1:${PORTS.yardstick}`,
    '  default_backend bare',
    'backend bare',
    `  server task ${address}:${PORTS.tasks}`,
    '',
  ];
  await writeFile(file, lines.join('\n'));
  const haproxy = await startAlone(file, folder, 'own');
  const before = await cpuMs(haproxy.pid);
  const { failed } = await requests({ httpPort: PORTS.yardstick }, seconds * 1_000);
  const used = (await cpuMs(haproxy.pid)) - before;
  await haproxy.stop();
  await rm(folder, { recursive: true, force: true });
  if (failed > 0) throw new Error(`${failed} requests failed that nothing was in the way of`);
  return used / 1_000 / seconds;
}

/** What it costs to read what happens and to do nothing about it, in seconds of CPU a second: no router can take less. */
async function readerAlone(stage: Stage, seconds: number, changes: number): Promise<number> {
  const reader = spawn(process.execPath, [join(import.meta.dirname, '../reader.ts'), stage.marathon.urls[0] ?? ''], {
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  });
  try {
    // As Portolan's is, its code is compiled before it is looked at.
    const made = changes + (await change(stage, (seconds * 1_000) / 3, changes));
    const before = await cpuMs(reader.pid ?? 0);
    await change(stage, seconds * 1_000, made);
    if (reader.exitCode !== null) throw new Error(`the reader ended with ${reader.exitCode}`);
    return ((await cpuMs(reader.pid ?? 0)) - before) / 1_000 / seconds;
  } finally {
    reader.kill();
  }
}

/** Scales apps to four tasks and back to two, one after the other, at their times; `already` were. Gives how many changes were made. */
async function change(stage: Stage, ms: number, already: number): Promise<number> {
  const began = performance.now();
  let made = already;
  while (performance.now() - began < ms) {
    const due = already + ((performance.now() - began) / 1_000) * CHANGES_PER_SECOND;
    for (; made < due; made += 1) {
      // An app is due again after 16 s: its last change is over by then.
      const app = seededId(made % APPS);
      await stage.marathon.scale(app, Math.floor(made / APPS) % 2 === (made % 2 === 0 ? 0 : 1) ? 4 : 2, true);
    }
    await pause(5);
  }
  return made - already;
}

/** Watches all HAProxy processes of the stage, also those that end meanwhile. */
function watchHaproxy(stage: Stage) {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  let processes = 0;
  let over = false;
  const find = haproxyFinder(stage.portolan.stateDir);
  const look = async () => {
    const pids = find();
    processes = Math.max(processes, pids.length);
    for (const pid of pids) {
      const ms = await cpuMs(pid);
      // A process that came later has had all of its CPU in the time watched.
      if (!first.has(pid)) first.set(pid, last.size === 0 || started ? ms : 0);
      last.set(pid, Math.max(ms, last.get(pid) ?? 0));
    }
  };
  let started = true;
  const run = async () => {
    await look();
    started = false;
    while (!over) {
      await pause(250);
      await look();
    }
  };
  const running = run();
  return {
    async stop() {
      over = true;
      await running;
      const used = [...last].reduce((sum, [pid, ms]) => sum + ms - (first.get(pid) ?? 0), 0);
      return { cpuMs: used, processes };
    },
  };
}
