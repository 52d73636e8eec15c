import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage, Status } from './scenario.ts';

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

faultSuite('Marathon tells', 27_400, {}, [deaf()]);
