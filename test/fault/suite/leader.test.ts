import type { FaultParameters } from '../../../src/demo/faults.ts';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { pilingUp } from './old-workers.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';

let newcomers = 0;

/**
 * Another leader, which lists every task without health results for as long as the fault lasts. Tasks that were healthy
 * serve on; one that starts meanwhile gets nothing, because nobody has ever found it healthy.
 */
function amnesia(as: NonNullable<FaultParameters['as']>, words: string): Scenario {
  const vhosts: string[] = [];
  return {
    name: `another leader, which lists health results ${words}`,
    rows: ['3', '12', 'I2'],
    seconds: { full: 60, short: 4 },
    inject: async ({ marathon }) => {
      await marathon.fault('all', 'no-health', { as });
      await marathon.leaderChange();
    },
    during: async (stage) => {
      const name = `new-${newcomers++}`;
      const vhost = `${name}.fault.example`;
      vhosts.push(vhost);
      await stage.marathon.post(customerApp(`/extra/${name}`, { labels: { HAPROXY_0_VHOST: vhost } }));
      await until('the new task runs', () => stage.marathon.tasks(`/extra/${name}`)[0]?.state === 'TASK_RUNNING');
      await until('it is known', async () => [503].includes(await stage.ask(vhost)));
      for (let looks = 0; looks < 20; looks++) {
        const status = await stage.ask(vhost);
        if (status !== 503) throw new Error(`a task that was never healthy was asked: ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      stage.says('the new task waits');
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    after: async (stage) => {
      for (const vhost of vhosts) await until(`${vhost} answers`, async () => (await stage.ask(vhost)) === 200);
      return undefined;
    },
  };
}

/** Leaders come and go. */
const carousel: Scenario = {
  name: 'five leaders in a row, each after a second',
  onlyFull: true,
  rows: ['3', '24'],
  seconds: { full: 20, short: 4 },
  inject: ({ marathon }) => marathon.leaderChange(),
  during: async ({ marathon, full }) => {
    for (let elections = 0; elections < (full ? 10 : 4); elections++) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await marathon.leaderChange();
    }
  },
  heal: async () => undefined,
  after: seesChange,
};

/** The old leader stops without closing anything: its stream stays open, and it still answers nothing. */
const zombie: Scenario = {
  name: 'a leader that is frozen while another one is elected',
  rows: ['1', '24', 'I3'],
  seconds: { full: 40, short: 4 },
  inject: async ({ marathon }) => {
    await marathon.fault(marathon.leader(), 'freeze');
    await marathon.leaderChange();
  },
  heal: ({ marathon }) => marathon.clearFaults(),
  patience: 60,
  after: seesChange,
};

/** A change is seen again once it is over. */
async function seesChange(stage: Stage): Promise<undefined> {
  const name = `after-${newcomers++}`;
  const vhost = `${name}.fault.example`;
  await stage.marathon.post(customerApp(`/extra/${name}`, { labels: { HAPROXY_0_VHOST: vhost } }));
  await until(`${vhost} answers`, async () => (await stage.ask(vhost)) === 200);
}

// Reloads are rare here, so that the cap is in nobody's way but of whom it is tried on.
faultSuite('Marathon elects', 27_100, { flags: ['--old-workers-memory', '40'] }, [
  amnesia('null', 'as null'),
  { ...amnesia('empty', 'as an empty list'), onlyFull: true },
  amnesia('absent', 'not at all'),
  { ...amnesia('of-null', 'as a list of null'), onlyFull: true },
  carousel,
  zombie,
  pilingUp('memory', 9, { onlyFull: true }),
]);
