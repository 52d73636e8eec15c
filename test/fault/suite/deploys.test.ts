import { type ManyProbers, startManyProbers } from '../../support/many-probers.ts';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { longSessions } from './old-workers.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { downOverReloads, portsOverReloads } from './server-states.ts';
import { FULL } from './stage.ts';

const routed = (stage: Stage, vhost: string, status = 200) =>
  until(`${vhost} answers ${status}`, async () => (await stage.ask(vhost)) === status);
const remove = async (stage: Stage, id: string): Promise<void> => {
  await stage.marathon.delete(id);
  await stage.marathon.settled(id);
};

/** Version 2 of an app has a health check that never passes; version 1 runs on, and is checked as version 1 says. */
function wrongCheck(): Scenario {
  const id = '/fault/app-3';
  const definition = (path: string) => ({
    healthChecks: [
      { protocol: 'HTTP', path, portIndex: 0, gracePeriodSeconds: 300, intervalSeconds: 1, timeoutSeconds: 10 },
    ],
  });
  return {
    name: 'a new version whose health check never passes',
    onlyFull: true,
    rows: ['14', 'I10'],
    // HAProxy needs three failed checks to give a server up.
    seconds: { full: 30, short: 5 },
    inject: async ({ marathon }) => {
      await marathon.put(id, definition('/status/500'), true);
      await marathon.until(id, (tasks) => tasks.length > 2);
    },
    heal: async ({ marathon }) => {
      await marathon.put(id, definition('/health'), true);
      await marathon.settled(id);
    },
  };
}

/** Deploy after deploy of one app that is asked 100 times a second. */
function rolling(): Scenario {
  const id = '/extra/rolling';
  const vhost = 'rolling.fault.example';
  let probers: ManyProbers | undefined;
  return {
    name: 'rolling upgrades under 100 requests a second',
    rows: ['11', '12'],
    seconds: { full: 120, short: 6 },
    prepare: async (stage) => {
      // A half after the other, so that some of them are known to HAProxy however long Portolan takes to start.
      const upgradeStrategy = { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 };
      await stage.marathon.post(customerApp(id, { instances: 6, upgradeStrategy, labels: { HAPROXY_0_VHOST: vhost } }));
      await routed(stage, vhost);
      await stage.marathon.settled(id);
      probers = startManyProbers(stage.portolan.ports.http, 100, [{ host: vhost, app: id }]);
      await probers.take();
    },
    inject: async ({ marathon }) => {
      await marathon.restart(id);
    },
    during: async ({ marathon, full }) => {
      await marathon.settled(id);
      for (let deploys = 1; deploys < (full ? 8 : 1); deploys++) {
        await marathon.restart(id);
        await marathon.settled(id);
      }
    },
    heal: async ({ marathon }) => marathon.settled(id),
    after: async (stage) => {
      const seen = await probers?.take();
      stage.says(`${seen?.asked} more requests to the upgraded app, ${seen?.failed} failed`);
      return seen?.failed === 0 ? undefined : seen?.failures.join('\n');
    },
    tidy: async (stage) => {
      probers?.stop();
      probers = undefined;
      await remove(stage, id);
    },
  };
}

/** Tasks that are gone the moment they are told to go. Only what was under way in them may be lost. */
function instantDeath(): Scenario {
  const id = '/extra/instant';
  const vhost = 'instant.fault.example';
  let probers: ManyProbers | undefined;
  return {
    name: 'rolling upgrades of tasks that die at once',
    rows: ['11'],
    seconds: { full: 60, short: 3 },
    prepare: async (stage) => {
      const labels = { HAPROXY_0_VHOST: vhost };
      const upgradeStrategy = { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 };
      await stage.marathon.post(
        customerApp(id, { instances: 6, upgradeStrategy, labels, env: { TASK_EXIT: 'instant' } }),
      );
      await routed(stage, vhost);
      await stage.marathon.settled(id);
      probers = startManyProbers(stage.portolan.ports.http, 100, [{ host: vhost, app: id }]);
      await probers.take();
    },
    inject: async ({ marathon }) => {
      await marathon.restart(id);
    },
    during: async ({ marathon, full }) => {
      await marathon.settled(id);
      for (let deploys = 1; deploys < (full ? 5 : 1); deploys++) {
        await marathon.restart(id);
        await marathon.settled(id);
      }
    },
    heal: async ({ marathon }) => marathon.settled(id),
    after: async (stage) => {
      const { asked = 0, failed = 0, failures = [] } = (await probers?.take()) ?? {};
      stage.says(`${asked} more requests to it, ${failed} lost with a task`);
      // Each of them in the very moment in which a task was cut, so that there are few.
      return failed * 200 <= asked ? undefined : failures.join('\n');
    },
    tidy: async (stage) => {
      probers?.stop();
      probers = undefined;
      await remove(stage, id);
    },
  };
}

/** From no task to one and back: the route stays, and says 503 while there is nobody. */
function toZero(): Scenario {
  const id = '/extra/zero';
  const vhost = 'zero.fault.example';
  return {
    name: 'an app is scaled to nothing and back',
    rows: ['31'],
    seconds: { full: 10, short: 2 },
    prepare: async (stage) => {
      await stage.marathon.post(customerApp(id, { labels: { HAPROXY_0_VHOST: vhost } }));
      await routed(stage, vhost);
      await stage.marathon.settled(id);
    },
    inject: async () => undefined,
    during: async (stage) => {
      const odd = new Set<string>();
      let over = false;
      const looking = (async () => {
        while (!over) {
          const { status, headers } = await stage.request(vhost);
          if (status !== 200 && status !== 503) odd.add(`status ${status}`);
          const answerer = String(headers['x-task-id'] ?? 'extra_zero');
          if (!answerer.startsWith('extra_zero')) odd.add(`task ${answerer}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      try {
        for (let turns = 0; turns < (stage.full ? 20 : 1); turns++) {
          await stage.marathon.scale(id, 0);
          await routed(stage, vhost, 503);
          await stage.marathon.settled(id);
          await stage.marathon.scale(id, 1);
          await routed(stage, vhost, 200);
          await stage.marathon.settled(id);
        }
      } finally {
        over = true;
        await looking;
      }
      if (odd.size > 0) throw new Error(`answered by ${[...odd].join(', ')}`);
      stage.says('200 of its own tasks and 503 only');
    },
    heal: async ({ marathon }) => marathon.settled(id),
    tidy: (stage) => remove(stage, id),
  };
}

/** Each change of its users is one that only a reload can bring. */
function reloads(): Scenario {
  const id = '/extra/reloads';
  const vhost = 'reloads.fault.example';
  const auth = (turn: number) => ({
    HAPROXY_GROUP: 'external',
    HAPROXY_0_BIND_ADDR: '127.0.0.1',
    HAPROXY_0_VHOST: vhost,
    HAPROXY_0_AUTH: `turn ${turn}:user:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1`,
  });
  let before = 0;
  return {
    name: '100 reloads',
    rows: ['8', '27'],
    seconds: { full: 60, short: 3 },
    prepare: async (stage) => {
      await stage.marathon.post(customerApp(id, { labels: auth(0) }));
      await routed(stage, vhost, 401);
      await stage.marathon.settled(id);
    },
    inject: async (stage) => {
      before = (await stage.status()).haproxy?.reloads ?? 0;
    },
    during: async (stage) => {
      for (let turn = 1, done = 0; done < (stage.full ? 100 : 6); turn++) {
        const { haproxy } = await stage.status();
        const last = haproxy?.generation;
        await stage.marathon.put(id, { labels: auth(turn) }, true);
        await until('the next generation', async () => (await stage.look())?.haproxy?.generation !== last, 20_000);
        done++;
      }
    },
    heal: async ({ marathon }) => marathon.settled(id),
    after: async (stage) => {
      const { haproxy } = await stage.status();
      stage.says(`${(haproxy?.reloads ?? 0) - before} reloads by HAProxy’s count, ${haproxy?.oldWorkers} old workers`);
      return undefined;
    },
    tidy: (stage) => remove(stage, id),
  };
}

const AGENT = '127.0.0.2';

/**
 * An agent is out of touch. Marathon takes its tasks from every list a second later, those of apps that have no others too, and
 * starts new ones; the old ones serve on, until the agent is back and ends them.
 */
const partition: Scenario = {
  name: 'an agent is out of touch, its tasks are not',
  rows: ['11'],
  seconds: { full: 20, short: 4 },
  inject: async ({ marathon }) => {
    marathon.loseAgent(AGENT, 'partitioned');
  },
  async during(stage) {
    const { apps, marathon } = stage;
    const held = (id: string) => marathon.tasks(id).filter(({ json }) => json['host'] === AGENT).length;
    const all = apps.filter(({ id }) => held(id) === marathon.tasks(id).length);
    await until('its tasks are replaced', () => apps.every(({ id }) => held(id) === 0), 20_000);
    stage.says(`${all.length} apps had no other tasks`);
  },
  heal: async ({ marathon }) => {
    await marathon.settled();
    marathon.returnAgent(AGENT);
    await marathon.settled();
  },
};

/** As systemd upgrades it: the old one is told to end, the new one is started, and HAProxy serves on. */
const upgrades: Scenario = {
  name: 'Portolan is stopped and started again and again while apps change',
  rows: ['27'],
  seconds: { full: 60, short: 3 },
  // It is that itself; and one that stops says that it is not ready.
  restart: false,
  readyDips: true,
  inject: async () => undefined,
  async during(stage) {
    const { apps, marathon, portolan } = stage;
    const before = (await stage.status()).haproxy?.reloads;
    let over = false;
    const changing = (async () => {
      for (let n = 0; !over; n += 1) {
        await marathon.scale(apps[n % apps.length]?.id ?? '', 2 + (Math.floor(n / apps.length) % 2));
        await new Promise((done) => setTimeout(done, 200));
      }
    })();
    try {
      for (let n = 0; n < (stage.full ? 10 : 2); n += 1) {
        const code = await portolan.stop();
        if (code !== 0) throw new Error(`it ended with ${code}`);
        await portolan.start();
        await until('ready again', async () => (await portolan.admin('/readyz')).status === 200, 30_000);
      }
    } finally {
      over = true;
      await changing;
    }
    stage.says(`${((await stage.status()).haproxy?.reloads ?? 0) - (before ?? 0)} reloads meanwhile`);
  },
  heal: async ({ apps, marathon }) => {
    for (const { id } of apps) await marathon.scale(id, 2);
    await marathon.settled();
  },
};

faultSuite('Apps change', 27_200, { marathon: { agentLostSeconds: 2 } }, [
  // Eight minutes have no room for it twice.
  { ...rolling(), ...(FULL ? {} : { restart: false }) },
  wrongCheck(),
  { ...downOverReloads(), onlyFull: true },
  partition,
  reloads(),
  longSessions(),
  { ...toZero(), onlyFull: true },
  portsOverReloads(),
  instantDeath(),
  upgrades,
]);
