import { addressOf, hostOf, seededId } from '../apps.ts';
import type { Floor } from '../floor.ts';
import { backendAt, seenServers } from '../haproxy-socket.ts';
import { type Measurement, quantile } from '../measurement.ts';
import { reloads } from '../metrics.ts';
import { pause } from '../processes.ts';
import { untilAnswered } from '../requests.ts';
import type { Stage } from '../stage.ts';

/** Milliseconds of each try, and the reloads meanwhile. */
export interface Samples {
  readonly ms: readonly number[];
  readonly reloads: number;
}

/** Quiet time before each try: from idle the first hint acts at once. */
const IDLE_MS = 300;

/** Tries until there are enough samples or the time is over; at least three. */
async function sample(stage: Stage, one: (n: number) => Promise<number>): Promise<Samples> {
  const { sampleMs, samples } = stage.options;
  const end = performance.now() + sampleMs;
  const before = await reloads(stage.portolan);
  const ms: number[] = [];
  while (ms.length < samples && (ms.length < 3 || performance.now() < end)) {
    await pause(IDLE_MS);
    ms.push(await one(ms.length));
  }
  return { ms, reloads: (await reloads(stage.portolan)) - before };
}

/** (a) From the event that a new app's first task runs to the first answered request. */
export function newVhosts(stage: Stage): Promise<Samples> {
  const { marathon, httpPort } = stage;
  return sample(stage, async (n) => {
    const id = `/bench/new-${n}`;
    const host = hostOf(id);
    const running = marathon.until(id, (tasks) => tasks.some(({ state }) => state === 'TASK_RUNNING'));
    await marathon.post(stage.vhost(id, 1));
    await running;
    const since = performance.now();
    const ms = await untilAnswered(httpPort, host, ({ status }) => status === 200, since);
    await marathon.settled(id);
    await marathon.delete(id);
    await untilAnswered(httpPort, host, ({ status }) => status !== 200, performance.now());
    return ms;
  });
}

/** (b) From the event that one more task of an app runs to the first request that it answers. */
export function moreTasks(stage: Stage): Promise<Samples> {
  const { marathon, httpPort } = stage;
  return sample(stage, async (n) => {
    const id = seededId(n % stage.apps);
    const old = new Set(marathon.tasks(id).map((task) => task.id));
    const fresh = () => marathon.tasks(id).find((task) => !old.has(task.id) && task.state === 'TASK_RUNNING');
    const running = marathon.until(id, () => fresh() !== undefined);
    await marathon.scale(id, old.size + 1);
    await running;
    const since = performance.now();
    const address = addressOf(fresh()?.json);
    const ms = await untilAnswered(httpPort, hostOf(id), ({ server }) => server === address, since);
    await marathon.settled(id);
    await marathon.scale(id, old.size);
    await marathon.settled(id);
    return ms;
  });
}

/** (c) From the event that a task is being killed to its server out of rotation, as HAProxy's socket shows it. */
export async function drains(stage: Stage): Promise<Samples> {
  const { marathon, socket } = stage;
  // Once: being told of thousands of servers is more work for HAProxy and this process than what is measured.
  const seen = await seenServers(socket);
  const backends = new Map<string, string>();
  return sample(stage, async (n) => {
    const id = seededId(n % stage.apps);
    const all = marathon.tasks(id).map(({ json }) => addressOf(json));
    const backend = backends.get(id) ?? backendAt(seen, all);
    if (backend === undefined) throw new Error(`${id} is not served`);
    backends.set(id, backend);
    const count = all.length;
    let address = '';
    let since = Number.NaN;
    // Looked at as it happens: a task on paper is gone a moment later.
    const told = marathon.until(id, (tasks) => {
      const killed = tasks.find(({ state }) => state === 'TASK_KILLING');
      if (killed === undefined) return false;
      since = performance.now();
      address = addressOf(killed.json);
      return true;
    });
    await marathon.scale(id, count - 1);
    await told;
    let ms = Number.NaN;
    while (performance.now() - since < 30_000) {
      // During a reload nobody may be there to answer.
      const servers = await seenServers(socket, backend).catch(() => undefined);
      if (servers?.every((server) => server.address !== address || server.out)) {
        ms = performance.now() - since;
        break;
      }
    }
    await marathon.settled(id);
    await marathon.scale(id, count);
    await marathon.settled(id);
    return ms;
  });
}

/** The figures of one kind of latency beside its floor. */
export function latencyFigures(
  scenario: 'a' | 'b' | 'c',
  stage: Stage,
  { ms, reloads: count }: Samples,
  floor: Floor,
): readonly Measurement[] {
  const what = { a: 'new vhost, event to answer', b: 'one more task, event to answer', c: 'drain, event to maint' }[
    scenario
  ];
  const yardstick = { a: floor.vhost, b: floor.task, c: undefined }[scenario];
  const base = { scenario, apps: stage.apps, samples: ms.length };
  const beside = yardstick === undefined ? {} : { yardstick };
  const figure = (name: string, value: number, goal?: Measurement['goal']): Measurement => ({
    ...base,
    what: `${what}, ${name}`,
    value,
    unit: 'ms',
    ...beside,
    ...(goal === undefined ? {} : { goal }),
  });
  const p50 = figure('p50', quantile(ms, 0.5), yardstick === undefined ? undefined : { most: 2.5 * yardstick + 8 });
  const tail =
    scenario === 'c'
      ? figure('p99', quantile(ms, 0.99), { most: 20 })
      : figure('p95', quantile(ms, 0.95), { most: 40 });
  return [p50, tail, { ...base, what: `${what}, reloads`, value: count, unit: 'count', goal: { most: 0 } }];
}
