import type { FaultKind, FaultParameters } from '../../../src/demo/faults.ts';
import type { Random } from '../../../src/demo/random.ts';
import { customerApp } from '../../support/platform.ts';
import { isWell } from '../suite/scenario.ts';
import type { RunnersStage } from '../suite/stage.ts';
import { healthOf, type ModelApp } from './model.ts';

/** What chaos acts on, and what it has done. */
export interface World {
  readonly stage: RunnersStage;
  readonly random: Random;
  /** Apps of its own, which come and go; the stage's are changed, and stay routable. */
  readonly extras: ModelApp[];
  /** By vhost, when a task of the app behind it was last made to die, ms since the epoch. */
  readonly deaths: Map<string, number>;
  /** Masters are not what they should be, whether Portolan has noticed or not. */
  broken: boolean;
  readonly did: { changes: number; kills: number; faults: number; reloads: number };
  /** Numbers what must have a name of its own. */
  next(): number;
}

/** One thing that happens. The word is for the log. */
export interface Action {
  readonly word: string;
  /** How often it comes, beside the others. */
  readonly weight: number;
  act(world: World): Promise<void>;
}

/** More extra apps than the cluster has service ports for make nothing clearer. */
const MOST_EXTRAS = 15;

const pick = <T>({ random }: World, items: readonly T[]): T | undefined => items[random.below(items.length)];
const labels = (vhost: string, more: Readonly<Record<string, string>> = {}) => ({
  HAPROXY_GROUP: 'external',
  HAPROXY_0_BIND_ADDR: '127.0.0.1',
  HAPROXY_0_VHOST: vhost,
  ...more,
});
const vhostOf = (world: World): string => `chaos-${world.next()}.fault.example`;

/** Does something to an extra app, where there is one. */
const toExtra =
  (change: (world: World, app: ModelApp) => Promise<unknown>) =>
  async (world: World): Promise<void> => {
    const app = pick(world, world.extras);
    if (app === undefined) return;
    world.did.changes++;
    await change(world, app);
  };
/**
 * Does something to one of the apps that are asked all the time, as long as Portolan can know of it: when all tasks of an app
 * are replaced while nobody can tell a router, no router can serve it.
 */
const toWatched =
  (change: (world: World, app: ModelApp) => Promise<unknown>) =>
  async (world: World): Promise<void> => {
    const app = pick(world, world.stage.apps);
    const status = await world.stage.look();
    if (app === undefined || world.broken || status === undefined || !isWell(status)) return;
    world.did.changes++;
    await change(world, app);
  };

/** Posts an extra app. */
export async function deploy(world: World): Promise<void> {
  if (world.extras.length >= MOST_EXTRAS) return;
  const app = { id: `/chaos/app-${world.next()}`, vhost: vhostOf(world) };
  world.did.changes++;
  await world.stage.marathon.post(
    customerApp(app.id, { instances: 1 + world.random.below(3), labels: labels(app.vhost) }),
  );
  world.extras.push(app);
}

/** For the same reason, what is replaced is replaced before Marathon or Portolan falls silent. */
const watchedSettled = async ({ stage }: World): Promise<void> => {
  for (const { id } of stage.apps) await stage.marathon.settled(id);
};

const relabel = async (world: World, app: ModelApp): Promise<void> => {
  const vhost = vhostOf(world);
  await world.stage.marathon.put(app.id, { labels: labels(vhost) }, true);
  world.extras[world.extras.indexOf(app)] = { id: app.id, vhost };
};

const die = (world: World, { id, vhost }: ModelApp): void => {
  const { marathon } = world.stage;
  const serving = marathon.tasks(id).filter((task) => task.state === 'TASK_RUNNING' && healthOf(task) === true);
  const victim = pick(world, serving);
  // The last one's death is an outage of the app's own making.
  if (victim === undefined || serving.length < 2) return;
  world.did.kills++;
  world.deaths.set(vhost, Date.now());
  marathon.crashTask(victim.id);
};

/**
 * What can be wrong with masters for a while; `all` of them, or one. Not here, but among the outages: doubled events. A `Running`
 * that comes twice reads as a changed goal (Marathon >= 1.8), and its task stays out of rotation for a minute.
 */
const FAULTS: readonly (readonly [FaultKind, FaultParameters?])[] = [
  ['refuse'],
  ['unavailable'],
  ['blank-200'],
  ['html'],
  ['empty-object'],
  ['cut-length'],
  ['cut-chunked'],
  ['hang-headers'],
  ['slow', { ms: 1_500 }],
  ['slow-body'],
  ['assembling'],
  ['no-health', { as: 'null' }],
  ['no-health', { as: 'absent' }],
  ['silent-stream'],
  ['heartbeat-only'],
  ['stream-eof'],
  ['lose-events', { share: 0.5 }],
  ['reorder-events'],
  ['flood', { perSecond: 1_000 }],
];

const breakMasters = async (world: World): Promise<void> => {
  const [kind, parameters] = pick(world, FAULTS) ?? ['refuse'];
  const { marathon } = world.stage;
  const who = world.random.next() < 0.5 ? 'all' : world.random.below(marathon.urls.length);
  await watchedSettled(world);
  world.did.faults++;
  world.broken = true;
  await marathon.fault(who, kind, parameters);
};

const killPortolan =
  (how: 'crash' | 'stop') =>
  async (world: World): Promise<void> => {
    const { stage, did } = world;
    await watchedSettled(world);
    did.kills++;
    if (how === 'crash') await stage.portolan.crash();
    else await stage.portolan.stop();
    // It starts while Marathon may be out: what it is to serve is on disk.
    await stage.portolan.start();
  };

/** Everything that may happen. */
export const ACTIONS: readonly Action[] = [
  { word: 'deploy', weight: 8, act: deploy },
  {
    word: 'delete',
    weight: 3,
    act: toExtra(async (world, app) => {
      world.extras.splice(world.extras.indexOf(app), 1);
      await world.stage.marathon.delete(app.id);
    }),
  },
  { word: 'relabel', weight: 3, act: toExtra(relabel) },
  {
    word: 'scale an extra app',
    weight: 4,
    act: toExtra((world, { id }) => world.stage.marathon.scale(id, world.random.below(4), true)),
  },
  {
    word: 'scale a watched app',
    weight: 6,
    act: toWatched((world, { id }) => world.stage.marathon.scale(id, 2 + world.random.below(3), true)),
  },
  { word: 'roll a watched app', weight: 4, act: toWatched(({ stage }, { id }) => stage.marathon.restart(id)) },
  {
    word: 'reload',
    weight: 3,
    act: toExtra(async (world, app) => {
      world.did.reloads++;
      const realm = `turn ${world.next()}:user:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1`;
      await world.stage.marathon.put(app.id, { labels: labels(app.vhost, { HAPROXY_0_AUTH: realm }) }, true);
    }),
  },
  { word: 'a watched app’s task dies', weight: 2, act: toWatched(async (world, app) => die(world, app)) },
  { word: 'an extra app’s task dies', weight: 3, act: toExtra(async (world, app) => die(world, app)) },
  { word: 'masters break', weight: 6, act: breakMasters },
  {
    word: 'masters heal',
    weight: 3,
    act: async (world) => {
      await world.stage.marathon.clearFaults();
      world.broken = false;
    },
  },
  {
    word: 'another leader',
    weight: 2,
    act: async ({ stage, did }) => {
      did.faults++;
      await stage.marathon.leaderChange();
    },
  },
  { word: 'Portolan is killed', weight: 2, act: killPortolan('crash') },
  { word: 'Portolan is stopped', weight: 1, act: killPortolan('stop') },
];

/** The next thing to happen, by chance. */
export function chooseAction(random: Random): Action {
  let left = random.next() * ACTIONS.reduce((sum, { weight }) => sum + weight, 0);
  for (const action of ACTIONS) {
    left -= action.weight;
    if (left < 0) return action;
  }
  throw new Error('there is always an action');
}
