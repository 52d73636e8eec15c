// What Portolan costs and how soon it acts, beside yardsticks of the same run. Usage: see options.ts.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { measureFloor } from './floor.ts';
import { HAPROXY } from './haproxy-alone.ts';
import { type Measurement, passes, toTable } from './measurement.ts';
import { type BenchOptions, readOptions } from './options.ts';
import { churn } from './scenarios/churn.ts';
import { cpuFigures } from './scenarios/cpu.ts';
import { growth } from './scenarios/growth.ts';
import { drains, latencyFigures, moreTasks, newVhosts } from './scenarios/latency.ts';
import { coldStart, startWithLastGood } from './scenarios/starts.ts';
import { THROUGHPUT_SIZES, throughput } from './scenarios/throughput.ts';
import { createStage } from './stage.ts';

const LATENCIES = { a: newVhosts, b: moreTasks, c: drains } as const;

/** All scenarios of one cluster, in an order in which none spoils the next one's. */
async function onStage(
  options: BenchOptions,
  apps: number,
  add: (figures: readonly Measurement[]) => void,
): Promise<void> {
  const { only } = options;
  const stage = await createStage(options, apps, { name: String(apps) });
  try {
    const start = await coldStart(stage);
    if (only.has('e')) add(start);
    if (only.has('f') && THROUGHPUT_SIZES.includes(apps)) add(await throughput(stage));
    const taken = new Map<keyof typeof LATENCIES, Awaited<ReturnType<typeof newVhosts>>>();
    for (const letter of ['a', 'b', 'c'] as const)
      if (only.has(letter)) taken.set(letter, await LATENCIES[letter](stage));
    if (only.has('d')) add(await cpuFigures(stage));
    if (only.has('e')) add(await startWithLastGood(stage));
    if (taken.size > 0) {
      const floor = await measureFloor(stage);
      for (const [letter, samples] of taken) add(latencyFigures(letter, stage, samples, floor));
    }
  } finally {
    await stage.destroy();
  }
}

/** New vhosts and tasks must not be slower among many apps than among few. */
function flatness(measurements: readonly Measurement[], sizes: readonly number[]): readonly Measurement[] {
  const few = Math.min(...sizes);
  const many = Math.max(...sizes);
  if (few === many) return [];
  return measurements.flatMap((each): readonly Measurement[] => {
    if (!'ab'.includes(each.scenario) || each.apps !== many || !each.what.endsWith('p50')) return [];
    const other = measurements.find(
      ({ scenario, apps, what }) => scenario === each.scenario && apps === few && what === each.what,
    );
    if (other === undefined) return [];
    const what = `${each.what}, to that at ${few} apps`;
    return [
      {
        scenario: each.scenario,
        apps: many,
        what,
        value: each.value / other.value,
        unit: 'ratio',
        goal: { most: 1.5 },
      },
    ];
  });
}

const options = readOptions();
const measurements: Measurement[] = [];
const began = performance.now();
const add = (figures: readonly Measurement[]): void => {
  measurements.push(...figures);
  console.error(toTable(figures).split('\n').slice(1).join('\n'));
};

/** What breaks costs its own figures, and the goal of being measured at all. */
async function attempt(scenario: string, apps: number, what: string, work: () => Promise<void>): Promise<void> {
  console.error(`\n== ${what} (${Math.round((performance.now() - began) / 1_000)} s)`);
  try {
    await work();
  } catch (error) {
    console.error(error);
    add([{ scenario, apps, what: `${what}: broke off`, value: 1, unit: 'count', goal: { most: 0 } }]);
  }
}

if ([...'abcdef'].some((letter) => options.only.has(letter)))
  for (const apps of options.sizes) await attempt('e', apps, `${apps} apps`, () => onStage(options, apps, add));
if (options.only.has('g')) await attempt('g', 320, 'churn', async () => add(await churn(options)));
if (options.only.has('h')) await attempt('h', 200, 'growth', async () => add(await growth(options)));
measurements.push(...flatness(measurements, options.sizes));
measurements.sort((a, b) => a.scenario.localeCompare(b.scenario));

const { stdout } = await execa(HAPROXY, ['-v']);
const about = {
  at: new Date().toISOString(),
  haproxy: /version (\S+)/.exec(stdout)?.[1] ?? '',
  node: process.version,
  cpus: cpus().length,
  quick: options.quick,
  seconds: Math.round((performance.now() - began) / 1_000),
};
await mkdir(options.results, { recursive: true });
const file = join(options.results, `bench-${about.at.replaceAll(/[:.]/g, '-')}.json`);
const results = measurements.map((each) => {
  const { value, yardstick } = each;
  return { ...each, ...(yardstick === undefined ? {} : { ratio: value / yardstick }), pass: passes(each) };
});
await writeFile(file, `${JSON.stringify({ ...about, results }, null, 2)}\n`);
console.log(`\n${toTable(measurements)}\n`);
console.log(
  `HAProxy ${about.haproxy}, Node ${about.node}, ${about.cpus} cores, ${about.seconds} s. Written to ${file}`,
);
const missed = measurements.filter((each) => passes(each) === false).length;
console.log(missed === 0 ? 'All goals are met.' : `${missed} goals are missed.`);
process.exit(options.assert && missed > 0 ? 1 : 0);
