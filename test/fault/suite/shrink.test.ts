import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { FaultKind, FaultParameters } from '../../../src/demo/faults.ts';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { oneByOne } from './one-by-one.ts';
import { faultSuite } from './runner.ts';
import { isWell, type Scenario, type Stage, type Status } from './scenario.ts';
import { FULL } from './stage.ts';

const run = promisify(execFile);
const EXTRA = Array.from({ length: 40 }, (_none, n) => n);
/** Each scenario has apps of its own: what was told of the end of others explains nothing of them. */
let round = 0;
const idOf = (n: number): string => `/extra/shrink-${round}-${n}`;
const vhostOf = (n: number): string => `extra-${round}-${n}.fault.example`;

/** How often the guard has decided so. */
async function decided(stage: Stage, outcome: string): Promise<number> {
  const { text } = await stage.portolan.admin('/metrics');
  return Number(new RegExp(`portolan_guard_decisions_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1]);
}

const held = ({ guard, degraded }: Status): string | undefined =>
  guard !== undefined && degraded.includes('shrink-held') ? `held: ${guard.because}` : undefined;

/** Lists that lack what runs: nothing of it may go while they last, and nothing has to be done when they are whole again. */
const short = (name: string, kind: FaultKind, parameters: FaultParameters = {}): Scenario => ({
  name,
  rows: ['2', 'I1'],
  seconds: { full: 30, short: 3 },
  inject: ({ marathon }) => marathon.fault('all', kind, parameters),
  heal: ({ marathon }) => marathon.clearFaults(),
  shows: held,
});

/** A leader that is away, and a standby that answers for itself; the leader is back while the standby goes on. */
const lyingStandby: Scenario = {
  name: 'the leader refuses, and a standby lists no app',
  rows: ['2', '24', 'I1'],
  seconds: { full: 30, short: 3 },
  inject: async ({ marathon }) => {
    await marathon.fault((marathon.leader() + 1) % 3, 'empty-apps');
    await marathon.fault((marathon.leader() + 2) % 3, 'empty-apps');
    await marathon.fault(marathon.leader(), 'refuse');
  },
  heal: ({ marathon }) => marathon.clearFaults(marathon.leader()),
  shows: held,
  // The leader is asked because it is asked about what is missing.
  recovered: async (stage) => isWell(await stage.status()),
  after: async (stage) => {
    await stage.marathon.clearFaults();
    return (await decided(stage, 'refuted')) === 0 ? 'what was missing was never found anywhere else' : undefined;
  },
};

/** Apps that are routed beside those that are watched: two thirds of all. */
async function bringExtra(stage: Stage): Promise<void> {
  // The service ports of those before are free again.
  await stage.marathon.settled();
  round += 1;
  for (const n of EXTRA) await stage.marathon.post(customerApp(idOf(n), { labels: { HAPROXY_0_VHOST: vhostOf(n) } }));
  for (const n of EXTRA)
    await until(`${vhostOf(n)} answers`, async () => (await stage.ask(vhostOf(n))) === 200, 60_000);
  await stage.marathon.settled();
}

const serving = async (stage: Stage): Promise<number> => {
  const answers = await Promise.all(EXTRA.map((n) => stage.ask(vhostOf(n))));
  return answers.filter((status) => status === 200).length;
};

async function deleteExtra({ marathon }: Stage): Promise<void> {
  for (const n of EXTRA) await marathon.delete(idOf(n));
}

const routed = async (stage: Stage): Promise<number> => {
  const { body } = await stage.portolan.admin('/v1/routes');
  const { routes } = body as { readonly routes?: readonly { readonly route: string }[] };
  // It may be starting.
  return routes === undefined ? Number.NaN : routes.filter(({ route }) => route.startsWith(`extra-${round}-`)).length;
};

/** The extra apps are really deleted. `until` says how that is to be believed. */
const removal = (
  name: string,
  how: Pick<Scenario, 'heal'> & { readonly before?: (stage: Stage) => Promise<void> } & Partial<Scenario>,
): Scenario => {
  const { before, ...more } = how;
  const believed = async (stage: Stage): Promise<void> => {
    const began = performance.now();
    await until('all of them are gone', async () => (await routed(stage)) === 0, 120_000);
    stage.says(`gone after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    if ((await serving(stage)) > 0) throw new Error('they still answer');
  };
  return {
    name,
    rows: ['2'],
    seconds: { full: 0, short: 0 },
    prepare: bringExtra,
    inject: async (stage) => {
      await before?.(stage);
      await deleteExtra(stage);
    },
    during: believed,
    // A new life has heard no event, and begins to count the answers: whatever it believes by, it has to come there.
    whenRestarted: { after: async () => undefined },
    ...more,
  };
};

/** Nobody tells of what goes: no event, and no deployment. */
const unsaid = async ({ marathon }: Stage): Promise<void> => {
  await marathon.fault('all', 'lose-events');
  await marathon.fault('all', 'unavailable', { path: '/v2/deployments' });
};
const clear: Scenario['heal'] = ({ marathon }) => marathon.clearFaults();

let before = { held: 0, explained: 0, repeated: 0, operator: 0 };
const count = async (stage: Stage): Promise<void> => {
  before = {
    held: await decided(stage, 'held'),
    explained: await decided(stage, 'explained'),
    repeated: await decided(stage, 'repeated'),
    operator: await decided(stage, 'operator'),
  };
};
/** It was let go for this reason, and for none of the others. A poll may come while some are still there: then it is held twice. */
const only = (outcome: 'explained' | 'repeated' | 'operator') => async (stage: Stage) => {
  const was = before;
  await count(stage);
  const others = (['explained', 'repeated', 'operator'] as const).filter((other) => other !== outcome);
  const right = before[outcome] > was[outcome] && others.every((other) => before[other] === was[other]);
  return right ? undefined : `not ${outcome} alone: ${JSON.stringify(was)}, then ${JSON.stringify(before)}`;
};

/** Nothing goes before an operator agrees, and all of it then. */
async function agree(stage: Stage): Promise<void> {
  await until('held', async () => held(await stage.status()) !== undefined);
  if ((await routed(stage)) !== EXTRA.length) throw new Error('some went before anybody agreed');
  const main = resolve(import.meta.dirname, '../../../src/main.ts');
  const command = [main, 'guard', 'accept', '--state-dir', stage.portolan.stateDir, '--config', '/dev/null'];
  stage.says((await run(process.execPath, command)).stdout.trim());
  await until('all of them are gone', async () => (await routed(stage)) === 0, 10_000);
}

// Longer than any of these faults lasts: what repeats for so long is believed, as it should be.
const HOLD = FULL ? '60s' : '20s';

faultSuite('Marathon shows less than there is', 25_000, { flags: ['--guard-hold', HOLD] }, [
  short('every master lists no app', 'empty-apps'),
  lyingStandby,
  short('every master lists the first half of the apps', 'half-list'),
  { ...short('every master hides half of the apps', 'filtered', { share: 0.5 }), onlyFull: true },
  short('every master lists apps without tasks', 'no-tasks'),
  oneByOne(),
  removal('two thirds of all apps are deleted, and events tell of it', {
    before: count,
    heal: clear,
    // Much less than the time that an unexplained loss would have to repeat.
    after: async (stage) =>
      (await decided(stage, 'repeated')) === before.repeated ? undefined : 'it was not the events that explained it',
  }),
  removal('two thirds of all apps are deleted, and there is no event stream: Marathon itself says that they are gone', {
    before: async (stage) => {
      await count(stage);
      await stage.marathon.fault('all', 'stream-eof');
      await until('the stream is lost', async () => !(await stage.status()).stream.attached);
      await stage.marathon.fault('all', 'unavailable', { path: '/v2/deployments' });
    },
    heal: clear,
    after: only('explained'),
  }),
  removal('two thirds of all apps are deleted, and nobody tells: the answers repeat', {
    onlyFull: true,
    before: async (stage) => {
      await count(stage);
      await unsaid(stage);
    },
    heal: clear,
    shows: held,
    after: only('repeated'),
  }),
  removal('two thirds of all apps are deleted, and nobody tells: an operator agrees', {
    before: async (stage) => {
      await count(stage);
      await unsaid(stage);
    },
    heal: clear,
    shows: held,
    during: agree,
    after: only('operator'),
    whenRestarted: {
      during: async (stage) => {
        const life = stage.portolan.pid;
        await until(
          'another life',
          async () => stage.portolan.pid !== life && (await stage.look()) !== undefined,
          60_000,
        );
        // It was not listening when they went: the leader's own word is enough, and may come before anybody agrees.
        await until('all of them are gone', async () => (await routed(stage)) === 0, 20_000);
      },
      after: async () => undefined,
    },
  }),
]);
