import { addressOf, seededId } from '../apps.ts';
import { backendAt, seenServers } from '../haproxy-socket.ts';
import { type Measurement, quantile } from '../measurement.ts';
import { loopDelay } from '../metrics.ts';
import { cpuMs, memoryMb, pause, untilQuiet } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** (d) What Portolan's CPU goes to, and how long its event loop is held up by it. */
export async function cpuFigures(stage: Stage): Promise<readonly Measurement[]> {
  const rounds = stage.options.quick ? 3 : 20;
  await untilQuiet(stage.pid());
  await pause(stage.options.quick ? 0 : REST_MS);
  // What is kept from the start, and what collecting that takes, belongs to scenario e.
  await loopDelay(stage.portolan);
  await untilQuiet(stage.pid());
  const idle = await idleCpu(stage);
  const nothing = await eventsWithoutChange(stage, rounds * 4, idle);
  const change = await singleChanges(stage, rounds, idle);
  const resyncs = await fullResyncs(stage, stage.options.quick ? 2 : 5, idle);
  const loop = await loopDelay(stage.portolan);
  const base = { scenario: 'd', apps: stage.apps };
  return [
    {
      ...base,
      what: 'event that changes nothing',
      value: nothing,
      unit: 'ms CPU',
      samples: rounds * 4,
      goal: { most: 5 },
    },
    {
      ...base,
      what: 'one change until confirmed',
      value: quantile(change.until, 0.5),
      unit: 'ms CPU',
      samples: rounds,
      goal: { most: 15 },
    },
    {
      ...base,
      what: 'what follows a change (disk, validation)',
      value: quantile(change.after, 0.5),
      unit: 'ms CPU',
      samples: rounds,
    },
    {
      ...base,
      what: 'full resync',
      value: quantile(resyncs, 0.5) / 1_000,
      unit: 's CPU',
      samples: resyncs.length,
      goal: { most: 1.5 },
    },
    { ...base, what: 'event-loop delay meanwhile, p99.9', value: loop.p999, unit: 'ms', goal: { most: 20 } },
    { ...base, what: 'event-loop delay meanwhile, max', value: loop.max, unit: 'ms', goal: { most: 60 } },
    { ...base, what: 'RSS of Portolan after that', value: (await memoryMb(stage.pid())).now, unit: 'MB' },
  ];
}

/** CPU per millisecond of doing nothing: it is not the change's. The least of some seconds: everything is compared now and then. */
async function idleCpu(stage: Stage): Promise<number> {
  const seconds: number[] = [];
  while (seconds.length < 3) {
    const before = await cpuMs(stage.pid());
    const since = performance.now();
    await pause(1_000);
    seconds.push(((await cpuMs(stage.pid())) - before) / (performance.now() - since));
  }
  return Math.min(...seconds);
}

/** What a start leaves to be collected and written is done by then. Milliseconds. */
const REST_MS = 10_000;
const BATCH = 10;

/**
 * The app's definition posted as it is: Marathon tells it, and nothing is different. The median of batches, after one that counts for
 * nothing: the code is compiled then, and comparing everything with HAProxy, twice a minute, is not an event's doing.
 */
async function eventsWithoutChange(stage: Stage, rounds: number, idle: number): Promise<number> {
  const batches: number[] = [];
  for (let at = -BATCH; at < rounds; at += BATCH) {
    const before = await cpuMs(stage.pid());
    const since = performance.now();
    for (let n = 0; n < BATCH; n += 1) {
      await stage.marathon.put(seededId((at + BATCH + n) % stage.apps), {});
      await pause(60);
    }
    const used = (await untilQuiet(stage.pid())) - before;
    if (at >= 0) batches.push(Math.max(0, used - idle * (performance.now() - since)) / BATCH);
  }
  return quantile(batches, 0.5);
}

/** One task turns unhealthy, and well again: each is one change, confirmed when HAProxy's socket shows it. */
async function singleChanges(stage: Stage, rounds: number, idle: number) {
  const until: number[] = [];
  const after: number[] = [];
  const all = await seenServers(stage.socket);
  for (let n = 0; n < rounds; n += 1) {
    const app = seededId((n * 7) % stage.apps);
    const tasks = stage.marathon.tasks(app);
    const [task] = tasks;
    const addresses = tasks.map(({ json }) => addressOf(json));
    const [address] = addresses;
    const backend = backendAt(all, addresses);
    if (task === undefined || backend === undefined) throw new Error(`${app} is not served`);
    for (const healthy of [false, true]) {
      const before = await cpuMs(stage.pid());
      const since = performance.now();
      stage.marathon.setHealth(task.id, healthy);
      while (performance.now() - since < 30_000) {
        const servers = await seenServers(stage.socket, backend).catch(() => undefined);
        const serves = servers?.some((server) => server.address === address && !server.out);
        if (serves === healthy) break;
        await pause(1);
      }
      const confirmed = await cpuMs(stage.pid());
      until.push(confirmed - before - idle * (performance.now() - since));
      const quiet = performance.now();
      const used = (await untilQuiet(stage.pid())) - confirmed;
      after.push(Math.max(0, used - idle * (performance.now() - quiet)));
    }
  }
  return { until, after };
}

/** Asked for with SIGHUP; all tasks are listed in another order each time. */
async function fullResyncs(stage: Stage, rounds: number, idle: number): Promise<readonly number[]> {
  const used: number[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const before = await cpuMs(stage.pid());
    const since = performance.now();
    process.kill(stage.pid(), 'SIGHUP');
    const all = (await untilQuiet(stage.pid(), 500)) - before;
    used.push(Math.max(0, all - idle * (performance.now() - since)));
  }
  return used;
}
