import { customerApp } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage, Status } from './scenario.ts';
import { FULL } from './stage.ts';

let changes = 0;

/** A new app is live, however Portolan hears of it, and gone again; in seconds. */
async function live(stage: Stage, within: number): Promise<number> {
  const name = `told-${changes++}`;
  const vhost = `${name}.fault.example`;
  const began = performance.now();
  await stage.marathon.post(customerApp(`/extra/${name}`, { labels: { HAPROXY_0_VHOST: vhost } }));
  await until(`${vhost} answers`, async () => (await stage.ask(vhost)) === 200, within * 1000);
  await stage.marathon.delete(`/extra/${name}`);
  return (performance.now() - began) / 1000;
}

const deafness = ({ stream }: Status): number => stream.deaf?.times ?? 0;

/** The stream stands and beats, and tells nothing: no watch over bytes sees that. */
function deaf(): Scenario {
  let began = 0;
  return {
    name: 'event streams beat, and tell nothing',
    rows: ['1', 'I3'],
    seconds: { full: 60, short: 4 },
    // A new process opens a stream of its own, and all is as before.
    restart: false,
    inject: async ({ marathon }) => {
      began = Date.now();
      await marathon.fault('all', 'heartbeat-only');
    },
    during: async (stage) => {
      for (let times = 0; times < 3; times++) await live(stage, 20);
    },
    shows: ({ stream }) => {
      const { deaf: found, lastLoss } = stream;
      if (found?.poll === undefined || Date.parse(found.last) < began || lastLoss?.reason !== 'deaf') return undefined;
      return `deaf, polls every ${found.poll.everyMs} ms`;
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    after: async (stage) => {
      const found = deafness(await stage.status());
      for (let times = 0; times < 3; times++) await live(stage, 20);
      // What was told is not missed, though all is read every second now.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const now = deafness(await stage.status());
      return now === found ? undefined : `deaf ${now - found} times more when events came again`;
    },
  };
}

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
    stage.says(`asked ${asked < 30 ? 'too seldom' : 'often'} before it was ready`);
    if (asked < 30) throw new Error(`only ${asked} requests before it was ready`);
  },
  heal: async ({ marathon }) => void (await marathon.delete('/extra/warming')),
  tidy: async ({ marathon }) => marathon.settled('/extra/warming'),
};

faultSuite('Marathon tells', 27_400, {}, [upgraded(), warming, deaf()]);
