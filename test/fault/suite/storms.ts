import { request } from 'node:http';
import { join } from 'node:path';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { bringChanging, CHANGING, processesOf, relabel, remove, servedTurn } from './changing.ts';
import type { Scenario, Stage } from './scenario.ts';

const CRASH = '/extra/crash';
const OTHER = '/extra/other';
const otherHost = (turn: number): string => `other-${turn}.fault.example`;
const other = (turn: number) => customerApp(OTHER, { healthChecks: [], labels: { HAPROXY_0_VHOST: otherHost(turn) } });
/** By HAProxy's own count, which goes on whoever asks. */
const reloadsOf = async (stage: Stage): Promise<number> => (await stage.status()).haproxy?.reloads ?? 0;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/**
 * An app whose tasks die again and again must not keep anybody else waiting; and every list of Marathon's comes in another order.
 * Some of them are always there: with the last one goes the listener of its service port, and that is a reload.
 */
export function crashing(): Scenario {
  let before = 0;
  let over = false;
  let crash: Promise<void> = Promise.resolve();
  let turn = 0;
  return {
    name: 'an app crashes five times a second, lists come in another order each time, and another app changes',
    rows: ['10', 'I7'],
    seconds: { full: 60, short: 4 },
    prepare: async (stage) => {
      const { marathon } = stage;
      const labels = { HAPROXY_0_VHOST: 'crash.fault.example' };
      await marathon.post(customerApp(CRASH, { instances: 10, healthChecks: [], labels }));
      await marathon.post(other(turn));
      for (const host of ['crash.fault.example', otherHost(turn)])
        await until(`${host} is served`, async () => (await stage.ask(host)) === 200, 30_000);
      await marathon.settled();
      // Its host is answered from a spare before the reload that brings its service port.
      await until('HAProxy is left in peace', async () => (await stage.look())?.converged === true, 30_000);
      before = await reloadsOf(stage);
    },
    inject: async ({ marathon }) => {
      over = false;
      crash = (async () => {
        while (!over) {
          const running = marathon.tasks(CRASH).filter(({ state }) => state === 'TASK_RUNNING');
          const [oldest] = running;
          if (oldest !== undefined && running.length > 4) marathon.crashTask(oldest.id);
          await pause(200);
        }
      })();
    },
    async during(stage) {
      const waited: number[] = [];
      for (let changes = 0; changes < (stage.full ? 10 : 2); changes += 1) {
        await pause(stage.full ? 4_000 : 500);
        turn += 1;
        const began = performance.now();
        await stage.marathon.put(OTHER, { labels: other(turn)['labels'] as never }, true);
        await until('the change is live', async () => (await stage.ask(otherHost(turn))) === 200, 10_000);
        waited.push(performance.now() - began);
      }
      const [best = 0, worst = 0] = [Math.min(...waited), Math.max(...waited)];
      stage.says(`changes of another app live after ${Math.round(best)} to ${Math.round(worst)} ms`);
    },
    async heal({ marathon }) {
      over = true;
      await crash;
      await marathon.settled();
    },
    async after(stage) {
      const reloads = (await reloadsOf(stage)) - before;
      stage.says(`${reloads} reloads`);
      return reloads === 0 ? undefined : `it cost ${reloads} reloads`;
    },
    tidy: (stage) => remove(stage, CRASH, OTHER),
  };
}

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

/** A hundred at a time ask for everything, while what only a reload can bring changes ten times: one worker, the newest labels. */
export function resyncs(): Scenario {
  const LAST = 10;
  return {
    name: 'a hundred at a time ask to read everything again, while labels change',
    rows: ['9', '27'],
    seconds: { full: 20, short: 3 },
    prepare: bringChanging,
    async inject(stage) {
      const asking = Array.from({ length: 100 }, () => resync(stage.portolan.stateDir));
      for (let turn = 1; turn <= LAST; turn += 1) await relabel(stage, turn);
      const codes = await Promise.all(asking);
      const refused = codes.filter((code) => code < 200 || code > 299);
      if (refused.length > 0) throw new Error(`${refused.length} of them got ${refused[0]}`);
    },
    async heal(stage) {
      await until('the newest labels are served', async () => (await servedTurn(stage)) === LAST, 30_000);
      const turns = new Set<number>();
      for (let n = 0; n < 100; n += 1) turns.add(await servedTurn(stage));
      if (turns.size > 1) throw new Error(`answers were of ${[...turns].join(', ')}`);
      await until('there is one worker', async () => (await processesOf(stage)).length === 2, 30_000);
      stage.says('one worker, the newest labels');
    },
    tidy: (stage) => remove(stage, CHANGING),
  };
}
