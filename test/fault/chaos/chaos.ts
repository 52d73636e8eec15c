import { createRandom } from '../../../src/demo/random.ts';
import { until } from '../../support/portolan-process.ts';
import { isWell } from '../suite/scenario.ts';
import { createStage, type RunnersStage } from '../suite/stage.ts';
import { chooseAction, deploy, type World } from './actions.ts';
import { driftedMaps, heldText, textDifference, wantedText } from './model.ts';

/** What a run is asked for. */
export interface ChaosOptions {
  readonly minutes: number;
  /** The same seed does the same things in the same order, at about the same times. */
  readonly seed: number;
  /** As for `createStage`. */
  readonly firstPort: number;
  /** Hears what happens. */
  readonly say: (line: string) => void;
}

/** Figures of a run. */
export interface ChaosFigures {
  readonly seed: number;
  readonly seconds: number;
  readonly requests: number;
  /** Failed for another reason than the death of a task. */
  readonly lost: number;
  /** Failed while a task of theirs had just died. */
  readonly tasksOwn: number;
  readonly changes: number;
  readonly faults: number;
  readonly kills: number;
  /** Counted by HAProxy's generations. */
  readonly reloads: number;
  /** Times that everything was quiet and HAProxy held exactly what the cluster said. */
  readonly settled: number;
  /** Lines compared with HAProxy's, over all. */
  readonly compared: number;
}

/** Between two settles: so many things happen, this far apart at most. */
const ACTIONS_PER_ROUND = 12;
const GAP_MS = 900;
/** Apps that are there besides the stage's when it begins. */
const FIRST_EXTRAS = 8;
/** How long it may take until everything is as the cluster says, once nothing happens any more. */
const SETTLE_MS = 60_000;
/** A request that was under way, or sent before HAProxy's or Portolan's view of a death, is the task's own. */
const DEATH_MS = 8_000;

/** Throws chaos at a running router for some minutes. Rejects with what was lost, or what HAProxy held otherwise than it should. */
export async function runChaos(options: ChaosOptions): Promise<ChaosFigures> {
  const { seed, say } = options;
  const stage = await createStage(options.firstPort, {
    marathon: { seed, servicePorts: { from: options.firstPort + 20, to: options.firstPort + 79 } },
  });
  let number = 0;
  const world: World = {
    stage,
    random: createRandom(seed),
    extras: [],
    deaths: new Map(),
    broken: false,
    did: { changes: 0, kills: 0, faults: 0, reloads: 0 },
    next: () => number++,
  };
  const began = performance.now();
  const end = began + options.minutes * 60_000;
  const sum = { requests: 0, lost: 0, tasksOwn: 0, settled: 0, compared: 0 };
  try {
    for (let extras = 0; extras < FIRST_EXTRAS; extras++) await deploy(world);
    for (let round = 1; performance.now() < end; round++) {
      await playRound(world, say);
      sum.compared += await settle(world);
      sum.settled++;
      const seen = await stage.probers.take();
      const own = seen.failures.filter((failure) => isTasksOwn(world, failure));
      const lost = seen.failures.filter((failure) => !isTasksOwn(world, failure));
      sum.requests += seen.asked;
      sum.tasksOwn += own.length;
      sum.lost += seen.failed - own.length;
      say(`round ${round}: ${seen.asked} requests, ${lost.length} lost, ${JSON.stringify(world.did)}`);
      if (sum.lost > 0) throw new Error(`${seen.failed} requests failed in round ${round}:\n${lost.join('\n')}`);
    }
    const generation = (await stage.status()).generation.running ?? 0;
    const { changes, faults, kills } = world.did;
    const seconds = Math.round((performance.now() - began) / 1000);
    return { seed, seconds, ...sum, changes, faults, kills, reloads: generation };
  } catch (error) {
    say(stage.portolan.output().split('\n').slice(-60).join('\n'));
    throw error;
  } finally {
    await stage.destroy();
  }
}

async function playRound(world: World, say: ChaosOptions['say']): Promise<void> {
  const words: string[] = [];
  for (let done = 0; done < ACTIONS_PER_ROUND; done++) {
    const action = chooseAction(world.random);
    words.push(action.word);
    await action.act(world);
    await new Promise((resolve) => setTimeout(resolve, world.random.below(GAP_MS)));
  }
  say(words.join(', '));
}

/** Everything heals; HAProxy must come to hold what the cluster says, and its files with it. Gives the lines compared. */
async function settle(world: World): Promise<number> {
  const { stage, extras } = world;
  await stage.marathon.clearFaults();
  world.broken = false;
  await stage.marathon.settled();
  await until('all is well', async () => isWellNow(stage), SETTLE_MS);
  const apps = [...stage.apps, ...extras];
  const { stateDir } = stage.portolan;
  let last = '';
  let lines = 0;
  const same = async (): Promise<boolean> => {
    const wanted = wantedText(stage.marathon, apps);
    if (wanted === undefined) return false;
    const held = await heldText(stateDir);
    // What changed while HAProxy was read is compared the next time.
    if (wanted !== wantedText(stage.marathon, apps)) return false;
    last = textDifference(wanted, held);
    lines = wanted.split('\n').length;
    if (wanted !== held) return false;
    const drifted = await driftedMaps(stateDir);
    last = drifted.join('\n');
    return drifted.length === 0;
  };
  await until('HAProxy holds what the cluster says', same, SETTLE_MS).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : error}\n${last}`);
  });
  return lines;
}

async function isWellNow(stage: RunnersStage): Promise<boolean> {
  const status = await stage.look();
  return status !== undefined && isWell(status);
}

/** A failure at a vhost of which a task had just died. */
function isTasksOwn(world: World, failure: string): boolean {
  const vhost = failure.slice(0, failure.indexOf(':'));
  const died = world.deaths.get(vhost);
  const at = /, at (\d+):(\d+):(\d+)\.(\d+)\)$/.exec(failure);
  if (died === undefined || at === null) return false;
  const [hours, minutes, seconds, ms] = at.slice(1).map(Number);
  const failed = new Date(died).setUTCHours(hours ?? 0, minutes, seconds, ms);
  return failed >= died - 100 && failed <= died + DEATH_MS;
}
