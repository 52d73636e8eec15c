import { seededId } from '../apps.ts';
import type { Measurement } from '../measurement.ts';
import type { BenchOptions } from '../options.ts';
import { haproxiesOf, memoryMb, openFiles, pause, untilQuiet } from '../processes.ts';
import { createStage, type Stage } from '../stage.ts';

const APPS = 200;
const PER_SECOND = 150;
/** Connections that nobody uses are closed by then. Milliseconds. */
const REST_MS = 20_000;

/** (h) Memory and open files of Portolan and HAProxy after a tenth of the changes, and after all. */
export async function growth(options: BenchOptions): Promise<readonly Measurement[]> {
  const changes = options.quick ? 600 : 20_000;
  const stage = await createStage(options, APPS, { name: 'growth' });
  try {
    await stage.start();
    let made = await change(stage, 0, changes / 10);
    const early = await look(stage, options);
    made = await change(stage, made, changes);
    const late = await look(stage, options);
    // A young heap still grows.
    const figure = (
      what: string,
      unit: Measurement['unit'],
      from: number,
      to: number,
      judged = !options.quick,
    ): Measurement => ({
      scenario: 'h',
      apps: APPS,
      what: `${what} after ${made} changes`,
      value: to,
      unit,
      yardstick: from,
      ...(judged ? { goal: { most: from * 1.1 } } : {}),
      samples: made,
    });
    return [
      figure('RSS of Portolan', 'MB', early.rss, late.rss),
      figure('RSS of Portolan at rest', 'MB', early.rested, late.rested, false),
      figure('open files of Portolan', 'fds', early.files, late.files),
      figure('RSS of HAProxy', 'MB', early.haproxyRss, late.haproxyRss),
      figure('HAProxy processes', 'processes', early.processes, late.processes),
    ];
  } finally {
    await stage.destroy();
  }
}

/** Tasks turn unhealthy and well again, and now and then an app gets another task: changes `from` to `to`. */
async function change(stage: Stage, from: number, to: number): Promise<number> {
  const began = performance.now();
  let made = from;
  while (made < to) {
    const due = Math.min(to, from + ((performance.now() - began) / 1_000) * PER_SECOND);
    for (; made < due; made += 1) {
      const id = seededId(Math.floor(made / 2) % APPS);
      const tasks = stage.marathon.tasks(id);
      if (made % 50 === 0) await stage.marathon.scale(id, tasks.length > 3 ? 3 : 4, true);
      else stage.marathon.setHealth(tasks[0]?.id ?? '', made % 2 === 1);
    }
    await pause(5);
  }
  return made;
}

/**
 * RSS as the changes end: at rest it is whatever V8 has come to give back, which it tries 100 s after it last did while an idle
 * Portolan still makes more than a little garbage (`--trace-memory-reducer`), so that it says nothing about what grows.
 */
async function look(stage: Stage, { quick }: BenchOptions) {
  await untilQuiet(stage.pid(), 500);
  const rss = (await memoryMb(stage.pid())).now;
  if (!quick) await pause(REST_MS);
  const haproxies = await haproxiesOf(stage.portolan.stateDir);
  const memories = await Promise.all(haproxies.map(memoryMb));
  return {
    rss,
    rested: (await memoryMb(stage.pid())).now,
    files: await openFiles(stage.pid()),
    haproxyRss: memories.reduce((sum, { now }) => sum + now, 0),
    processes: haproxies.length,
  };
}
