import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import type { Scenario } from './scenario.ts';
import { FULL } from './stage.ts';

/** Apps of the scenario's own: what is no multiple of two is suspended, the others are deleted. */
const few = FULL ? [0, 1, 2, 3, 4, 5] : [0, 1, 2];
/** Each time others: the service ports of those before are free again. */
let round = 0;
const idOf = (n: number): string => `/extra/single-${round}-${n}`;
const vhostOf = (n: number): string => `single-${round}-${n}.fault.example`;

/** What nobody needs to explain: apps go one by one, deleted or suspended, and nobody waits for the guard. */
export function oneByOne(): Scenario {
  return {
    name: 'apps are deleted and suspended one by one',
    rows: ['2'],
    seconds: { full: 0, short: 0 },
    prepare: async (stage) => {
      round += 1;
      for (const n of few) await stage.marathon.post(customerApp(idOf(n), { labels: { HAPROXY_0_VHOST: vhostOf(n) } }));
      for (const n of few)
        await until(`${vhostOf(n)} answers`, async () => (await stage.ask(vhostOf(n))) === 200, 60_000);
      await stage.marathon.settled();
    },
    inject: async () => undefined,
    during: async (stage) => {
      const waited: number[] = [];
      for (const n of few) {
        const began = performance.now();
        await (n % 2 === 0 ? stage.marathon.delete(idOf(n)) : stage.marathon.scale(idOf(n), 0));
        await until(`${vhostOf(n)} is gone`, async () => (await stage.ask(vhostOf(n))) === 503, 30_000);
        waited.push(performance.now() - began);
        // Its service port goes with a reload, which the next one is not to wait for.
        await until('HAProxy is left in peace', async () => (await stage.look())?.converged === true, 30_000);
      }
      const middle = waited.sort((a, b) => a - b)[waited.length >> 1] ?? 0;
      stage.says(`gone after ${waited.map(Math.round).join(', ')} ms`);
      if (middle > 2_000) throw new Error(`gone after ${waited.join(', ')} ms`);
    },
    heal: async () => undefined,
    // What goes while nobody listens is found when somebody does.
    whenRestarted: {
      during: async (stage) => {
        for (const n of few) await stage.marathon.delete(idOf(n));
        for (const n of few)
          await until(`${vhostOf(n)} is gone`, async () => (await stage.ask(vhostOf(n))) === 503, 30_000);
      },
    },
    tidy: async ({ marathon }) => {
      for (const n of few)
        if (marathon.tasks(idOf(n)).length > 0 || n % 2 === 1) await marathon.delete(idOf(n)).catch(() => undefined);
      await marathon.settled();
    },
  };
}
