import { customerApp } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { deaf, floodAndHang, sentOn } from './event-faults.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { FULL } from './stage.ts';

/** Healthy as soon as it runs, and ready after `ms`: until then it answers 503 to whoever asks for more than its health. */
const warmsUp = (ms: number) => ({
  env: { TASK_READY_AFTER_MS: String(ms) },
  readinessChecks: [{ name: 'warm', path: '/ready', intervalSeconds: 1, timeoutSeconds: 10 }],
});

/** Whether /v1/apps names a task of the app that waits. */
async function waits({ portolan }: Stage, app: string): Promise<boolean> {
  const { body } = await portolan.admin('/v1/apps');
  const apps = (body as { apps?: readonly { id: string; waiting?: readonly { reason: string }[] }[] }).apps ?? [];
  return apps.some(({ id, waiting = [] }) => id === app && waiting[0]?.reason === 'ReadinessCheckPending');
}

/** The tasks of the version before are asked alone until the new ones are ready. */
function upgraded(): Scenario {
  let times = 0;
  return {
    name: 'an app is upgraded to tasks that are healthy at once and ready after a while',
    rows: ['11', '12'],
    seconds: { full: 16, short: 3 },
    // In the short form the new ones are ready, and the old ones gone, before Portolan is back.
    ...(FULL ? {} : { restart: false }),
    inject: async ({ marathon, apps, full }) => {
      const id = apps[3]?.id ?? '';
      const before = new Set(marathon.tasks(id).map((task) => task.id));
      // Each time another definition, or nothing would be upgraded.
      await marathon.put(id, warmsUp((full ? 20_000 : 4_000) + times++));
      await marathon.until(id, (tasks) => tasks.some((task) => !before.has(task.id) && task.state === 'TASK_RUNNING'));
    },
    during: async (stage) => {
      const id = stage.apps[3]?.id ?? '';
      await until('a task waits', () => waits(stage, id), 20_000);
      stage.says('ReadinessCheckPending');
      await stage.marathon.settled(id);
    },
    heal: async () => undefined,
    after: async (stage) => {
      const id = stage.apps[3]?.id ?? '';
      await until('nobody waits', async () => !(await waits(stage, id)));
      return undefined;
    },
    tidy: async ({ marathon, apps }) => marathon.settled(apps[3]?.id),
  };
}

/** Where there is nobody else, nobody is asked. */
const warming: Scenario = {
  name: 'a new app is healthy at once and ready after a while',
  rows: ['12'],
  seconds: { full: 30, short: 3 },
  restart: false,
  inject: async ({ marathon, full }) => {
    const labels = { HAPROXY_0_VHOST: 'warming.fault.example' };
    await marathon.post(customerApp('/extra/warming', { labels, ...warmsUp(full ? 20_000 : 4_000) }));
  },
  during: async (stage) => {
    const host = 'warming.fault.example';
    let asked = 0;
    for (let status = 0; status !== 200; asked++) {
      const answer = await get(stage.portolan.ports.http, '/', { host });
      status = answer.status;
      if (answer.text.includes('/extra/warming')) {
        if (status !== 200) throw new Error(`a task that was not ready was asked: ${answer.text}`);
        break;
      }
      if (asked % 10 === 0 && (await waits(stage, '/extra/warming'))) {
        const { body } = await stage.portolan.admin(`/v1/routes/${host}`);
        const { reason } = body as { readonly reason?: string };
        if (reason === 'ReadinessCheckPending') stage.says(reason);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    stage.says(`asked ${asked < 10 ? 'too seldom' : 'often'} before it was ready`);
    if (asked < 10) throw new Error(`only ${asked} requests before it was ready`);
  },
  heal: async ({ marathon }) => void (await marathon.delete('/extra/warming')),
  tidy: async ({ marathon }) => marathon.settled('/extra/warming'),
};

const forgotten = async ({ portolan }: Stage): Promise<number> => {
  const { text } = await portolan.admin('/metrics');
  return Number(/^portolan_health_forgotten_total (\d+)$/m.exec(text)?.[1]);
};

/** Every task's first probe after an election fails, and only that one: its leader knows of no success of it. */
const firstProbes: Scenario = {
  name: 'another leader’s first probe of every task fails',
  rows: ['3', 'I2'],
  seconds: { full: 10, short: 1 },
  // What is remembered over a restart is shown by the leader suite.
  restart: false,
  prepare: async ({ marathon }) => {
    // In its grace period a failure is not recorded.
    const age = ({ json }: (typeof all)[number]) => Date.now() - Date.parse(String(json['startedAt']));
    const all = marathon.tasks();
    await until('no task is in its grace period', () => all.every((task) => age(task) > 16_000), 20_000);
  },
  inject: async (stage) => {
    const { marathon } = stage;
    const before = await forgotten(stage);
    await marathon.fault('all', 'no-health', { as: 'empty' });
    await marathon.leaderChange();
    await until('the forgotten results are told', async () => (await forgotten(stage)) > before, 20_000);
    const told = (await forgotten(stage)) - before;
    if (told !== 1) throw new Error(`told ${told} times that results are gone`);
    stage.says('health forgotten');
    await marathon.clearFaults();
    await marathon.leaderChange();
    const waiting = new Map(marathon.tasks().map((task) => [task.id, task.real]));
    for (const real of waiting.values()) real?.setHealthy(false);
    await until('every first probe has failed', () => {
      for (const { id, json } of marathon.tasks()) {
        const [result] = (json['healthCheckResults'] ?? []) as readonly { readonly consecutiveFailures: number }[];
        if (result?.consecutiveFailures !== 1) continue;
        waiting.get(id)?.setHealthy(true);
        waiting.delete(id);
      }
      return waiting.size === 0;
    });
  },
  heal: async ({ marathon }) => {
    for (const { real } of marathon.tasks()) real?.setHealthy(true);
    await marathon.clearFaults();
  },
};

// The last one needs tasks that run for a while.
faultSuite('Marathon tells', 27_400, {}, [upgraded(), warming, deaf(), floodAndHang(), sentOn(), firstProbes]);
