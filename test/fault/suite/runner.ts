import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProbedHosts } from '../../support/many-probers.ts';
import { until } from '../../support/portolan-process.ts';
import { type Outcome, report } from './report.ts';
import { isWell, type Scenario, type Status } from './scenario.ts';
import { createStage, FULL, type RunnersStage, type StageOptions } from './stage.ts';

/** In the short form every so manieth scenario is also played with a restart in the middle. */
const RESTART_EVERY = 9;
/** Looks at `/v1/status` while a fault lasts are this far apart. */
const LOOK_MS = 250;
/** Failures shown of a scenario. */
const SHOWN = 12;

/** Plays the scenarios one after the other on a stage of their own. Ports: see `createStage`. */
export function faultSuite(
  name: string,
  firstPort: number,
  options: StageOptions,
  scenarios: readonly Scenario[],
): void {
  describe(name, () => {
    let stage: RunnersStage | undefined;
    beforeAll(async () => {
      stage = await createStage(firstPort, options);
    });
    afterAll(() => stage?.destroy());
    for (const [n, scenario] of scenarios.entries()) {
      if (scenario.onlyFull && !FULL) continue;
      // A budget of zero is not met at the second try.
      const how = { retry: 0, timeout: limitOf(scenario) };
      const go = (restarted: boolean) => async () => {
        if (stage === undefined) throw new Error('there is no stage');
        await play(name, stage, restarted ? { ...scenario, ...scenario.whenRestarted } : scenario, restarted);
      };
      test(scenario.name, how, go(false));
      if (scenario.restart !== false && (FULL || n % RESTART_EVERY === 0))
        test(`${scenario.name}, Portolan killed and started in the middle`, how, go(true));
    }
  });
}

const lasts = (scenario: Scenario): number => (FULL ? scenario.seconds.full : scenario.seconds.short) * 1000;
const patienceOf = (scenario: Scenario): number => (scenario.patience ?? 30) * 1000;
const limitOf = (scenario: Scenario): number => 3 * lasts(scenario) + 4 * patienceOf(scenario) + 120_000;

async function play(suite: string, stage: RunnersStage, scenario: Scenario, restarted: boolean): Promise<void> {
  const watch = watchState(stage, scenario);
  let lastedMs = 0;
  let recoveredMs: number | undefined;
  let wrong: unknown;
  let seen: ProbedHosts | undefined;
  stage.said();
  try {
    await untilWell(stage, scenario);
    await scenario.prepare?.(stage);
    lastedMs = await endure(stage, scenario, restarted, watch);
    recoveredMs = await untilRecovered(stage, scenario);
    const left = await scenario.after?.(stage);
    if (left !== undefined) throw new Error(left);
    watch.check();
  } catch (error) {
    wrong = error;
    await cleanUp(stage, scenario);
  } finally {
    await watch.stop();
    await scenario.tidy?.(stage).catch((error: unknown) => {
      wrong ??= error;
    });
    seen = await stage.probers.take();
  }
  const excused = seen.failures.filter((failure) => scenario.excuse?.(failure) ?? false).length;
  const refused = seen.failures.filter((failure) => !(scenario.excuse?.(failure) ?? false)).slice(0, SHOWN);
  const outcome: Outcome = {
    suite,
    fault: scenario.name,
    rows: scenario.rows,
    restarted,
    lastedMs,
    asked: seen.asked,
    failed: seen.failed,
    excused,
    retried: seen.retried,
    state: [...new Set([...stage.said(), ...watch.words()])].join(', ') || 'nothing to tell',
    ...(recoveredMs === undefined ? {} : { recoveredMs }),
  };
  const bad = wrong === undefined ? undefined : wrong instanceof Error ? wrong.message : String(wrong);
  report({ ...outcome, ...(bad === undefined && refused.length === 0 ? {} : { wrong: bad ?? refused[0] ?? '' }) });
  if (wrong !== undefined) throw wrong;
  expect(refused).toEqual([]);
  expect(outcome.failed - excused).toBe(0);
  expect(outcome.asked).toBeGreaterThan(stage.apps.length);
}

/** From the fault to its end, in ms. */
async function endure(stage: RunnersStage, scenario: Scenario, restarted: boolean, watch: Watch): Promise<number> {
  const began = performance.now();
  await scenario.inject(stage);
  const injected = performance.now();
  const last = async (): Promise<void> => {
    await untilShown(stage, scenario, watch);
    await pause(lasts(scenario) / 2 - (performance.now() - injected));
    if (restarted) {
      watch.pause();
      await stage.restartPortolan();
      watch.resume();
      await untilShown(stage, scenario, watch);
    }
    await pause(lasts(scenario) - (performance.now() - injected));
  };
  // Both end before the fault does, also where one of them fails.
  const both = await Promise.allSettled([last(), scenario.during?.(stage)]);
  for (const one of both) if (one.status === 'rejected') throw one.reason;
  await scenario.heal(stage);
  return performance.now() - began;
}

async function untilShown(stage: RunnersStage, scenario: Scenario, watch: Watch): Promise<void> {
  const { shows } = scenario;
  if (shows === undefined) return;
  const word = await until(
    `${scenario.name}: visible in /v1/status`,
    async () => {
      const status = await stage.look();
      return status === undefined ? undefined : shows(status);
    },
    patienceOf(scenario),
  );
  watch.add(word);
}

async function untilRecovered(stage: RunnersStage, scenario: Scenario): Promise<number> {
  const healed = performance.now();
  const { recovered } = scenario;
  if (recovered === undefined) await untilWell(stage, scenario);
  else await until(`${scenario.name}: recovered`, () => recovered(stage), patienceOf(scenario));
  return performance.now() - healed;
}

async function untilWell(stage: RunnersStage, scenario: Scenario): Promise<void> {
  let last: Status | undefined;
  const well = async (): Promise<boolean> => {
    last = await stage.look();
    return last !== undefined && isWell(last);
  };
  await until('all is well', well, patienceOf(scenario)).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : error}; it says ${JSON.stringify(last)}`);
  });
}

/** What a scenario left behind must not fail the next one. */
async function cleanUp(stage: RunnersStage, scenario: Scenario): Promise<void> {
  await scenario.heal(stage).catch(() => undefined);
  await stage.marathon.clearFaults();
  if ((await stage.look()) === undefined) await stage.restartPortolan().catch(() => undefined);
  await untilWell(stage, scenario).catch(() => undefined);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

interface Watch {
  add(word: string): unknown;
  words(): readonly string[];
  /** Portolan is being killed: it need not answer. */
  pause(): void;
  resume(): void;
  /** Throws when the node called itself not ready. */
  check(): void;
  stop(): Promise<void>;
}

/** Looks at the state again and again: what it reported, and that it never called the node not ready. */
function watchState(stage: RunnersStage, scenario: Scenario): Watch {
  const words = new Set<string>();
  let off = false;
  let over = false;
  let notReady: string | undefined;
  const looking = (async () => {
    while (!over) {
      await pause(LOOK_MS);
      const status = off ? undefined : await stage.look();
      // It may have been killed while it was asked.
      if (status === undefined || off) continue;
      if (!status.ready) notReady ??= `not ready: ${JSON.stringify(status)}`;
      for (const word of status.degraded) words.add(word);
      if (status.source.failing !== undefined) words.add(`source: ${status.source.failing.kind}`);
    }
  })();
  return {
    add: (word) => words.add(word),
    words: () => [...words],
    pause: () => {
      off = true;
    },
    resume: () => {
      off = false;
    },
    check: () => {
      if (notReady !== undefined && scenario.readyDips !== true) throw new Error(notReady);
    },
    stop: async () => {
      over = true;
      await looking;
    },
  };
}
