// Times and memory of `portolan render` and of a whole start, beside `haproxy -c` of the same file as the yardstick.
// Usage: npm run bench:start [-- --apps 1000 --tasks 3 --runs 3]
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { createPortolan, get, until } from '../support/portolan-process.ts';
import { writeApps } from './snapshot-file.ts';

const { values } = parseArgs({
  options: {
    apps: { type: 'string', default: '1000' },
    tasks: { type: 'string', default: '3' },
    runs: { type: 'string', default: '3' },
  },
});
const [apps, tasks, runs] = [values.apps, values.tasks, values.runs].map(Number) as [number, number, number];
const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';
const main = resolve(import.meta.dirname, '../../src/main.ts');
const FIRST_PORT = 25_000;

interface Figure {
  readonly what: string;
  readonly ms: number;
  readonly rssMb?: number;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Median of `runs` times. */
async function repeated(what: string, work: () => Promise<unknown>): Promise<Figure> {
  const times: number[] = [];
  for (let n = 0; n < runs; n += 1) times.push(await timed(work));
  return { what, ms: median(times) };
}

async function rssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** From `portolan run` to a loaded configuration with all routes; then the same again, from the last good generation. */
async function starts(file: string): Promise<readonly Figure[]> {
  const portolan = await createPortolan(FIRST_PORT, ['--apps', file, '--group', 'external']);
  const last = `app-${apps - 1}.bench.example`;
  const status = async () =>
    (await portolan.admin('/v1/status')).body as { converged: boolean; haproxy?: { workerPid?: number } };
  const workerPid = () =>
    until(
      'the worker runs what is wanted',
      async () => {
        const seen = await status();
        return seen.converged && seen.haproxy?.workerPid;
      },
      120_000,
    );
  const loaded = async () => {
    await workerPid();
    // No task listens: 503 by HAProxy's own account, but from the right backend.
    await until('the last route is loaded', async () =>
      (await portolan.admin('/v1/routes')).text.includes(`"${last}"`),
    );
    await until('HAProxy answers', async () => (await get(portolan.ports.http, '/', { host: last })).status !== 0);
  };
  try {
    const cold = await timed(async () => {
      await portolan.start();
      await loaded();
    });
    const coldRss = await rssMb(portolan.pid ?? 0);
    const workerRss = await rssMb(await workerPid());
    await portolan.crash();
    const adopted = await timed(async () => {
      await portolan.start();
      await until('ready', async () => (await portolan.admin('/readyz')).status === 200, 60_000);
    });
    return [
      { what: 'cold start until every route is loaded', ms: cold, rssMb: coldRss },
      { what: 'start beside a running HAProxy until ready', ms: adopted, rssMb: await rssMb(portolan.pid ?? 0) },
      { what: 'HAProxy’s worker', ms: Number.NaN, rssMb: workerRss },
    ];
  } finally {
    await portolan.destroy();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'bench-'));
try {
  const file = join(folder, 'apps.json');
  const bytes = await writeApps(file, apps, tasks);
  console.log(`${apps} apps × ${tasks} tasks, ${(bytes / 1e6).toFixed(1)} MB of JSON, medians of ${runs}`);
  const output = join(folder, 'out');
  await mkdir(output);
  const render = await repeated('portolan render', () =>
    execa(process.execPath, [main, 'render', '--apps', file, '--output', output]),
  );
  const check = await repeated('haproxy -c of the same file', () =>
    execa(HAPROXY, ['-c', '-f', 'haproxy.cfg'], { cwd: output }),
  );
  const node = await repeated('node doing nothing', () => execa(process.execPath, ['-e', '0']));
  const figures = [render, check, node, ...(await starts(file))];
  const rows = figures.map(({ what, ms, rssMb: rss }) => ({
    what,
    ms: Number.isNaN(ms) ? '' : Math.round(ms),
    'times haproxy -c': Number.isNaN(ms) ? '' : (ms / check.ms).toFixed(1),
    'RSS MB': rss === undefined ? '' : rss.toFixed(0),
  }));
  console.table(rows);
  const results = resolve(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  await writeFile(
    join(results, 'start.json'),
    `${JSON.stringify({ apps, tasks, runs, node: process.version, figures }, null, 2)}\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
