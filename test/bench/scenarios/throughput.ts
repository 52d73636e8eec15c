import { hostOf, seededId } from '../apps.ts';
import { runLoad, type Target } from '../load.ts';
import { type Measurement, median } from '../measurement.ts';
import { cpuMs, haproxiesOf } from '../processes.ts';
import type { Stage } from '../stage.ts';
import { startYardstick } from '../yardstick.ts';

/** Sizes at which requests are counted. */
export const THROUGHPUT_SIZES: readonly number[] = [10, 1_000, 10_000];

const CONNECTIONS = 64;

/** Requests of one connection: few enough for each of thousands of vhosts to have its turn within the windows at full length. */
const perConnection = (hot: number): number => (hot > 1_000 ? 10 : 50);

interface Side {
  readonly target: (n: number) => Target;
  readonly pids: readonly number[];
  readonly rates: number[];
  /** CPU of HAProxy per request, in µs. */
  readonly costs: number[];
  /** The vhost whose turn it is. */
  next: number;
  failed: number;
}

/** (f) Requests per second through Portolan's configuration, by turns with the yardstick: each window is set beside its neighbour. */
export async function throughput(stage: Stage): Promise<readonly Measurement[]> {
  const { quick } = stage.options;
  const yardstick = await startYardstick(stage);
  try {
    const figures: Measurement[] = [];
    for (const hot of new Set([1, Math.min(100, stage.apps), stage.apps])) {
      const side = (target: Side['target'], pids: readonly number[]): Side => ({
        target,
        pids,
        rates: [],
        costs: [],
        next: 0,
        failed: 0,
      });
      const portolan = side(
        (n) => ({ address: '127.0.0.1', port: stage.httpPort, host: hostOf(seededId(n)) }),
        await haproxiesOf(stage.portolan.stateDir),
      );
      const plain = side(yardstick.target, [yardstick.pid]);
      for (let round = 0; round < (quick ? 5 : 9); round += 1) {
        // What else the machine does changes while this goes on: neither is always the first.
        for (const each of round % 2 === 0 ? [portolan, plain] : [plain, portolan]) {
          await window(each, hot, quick ? 400 : 2_200);
        }
      }
      figures.push(...figuresOf(stage, hot, portolan, plain));
    }
    return figures;
  } finally {
    await yardstick.stop();
  }
}

async function window(side: Side, hot: number, ms: number): Promise<void> {
  const targets = Array.from({ length: hot }, (_, n) => side.target((side.next + n) % hot));
  const cpu = async () => (await Promise.all(side.pids.map(cpuMs))).reduce((sum, each) => sum + each, 0);
  const before = await cpu();
  const shape = { kind: 'closed', connections: CONNECTIONS, perConnection: perConnection(hot) } as const;
  const result = await runLoad({ targets, ms, shape });
  side.rates.push(result.ok / result.seconds);
  side.costs.push((((await cpu()) - before) * 1_000) / result.ok);
  side.failed += result.failed;
  side.next = (side.next + Math.ceil(result.ok / shape.perConnection)) % hot;
}

function figuresOf(stage: Stage, hot: number, portolan: Side, plain: Side): readonly Measurement[] {
  const base = { scenario: 'f', apps: stage.apps, samples: portolan.rates.length };
  const rate = median(portolan.rates);
  const bare = median(plain.rates);
  const ratio = median(portolan.rates.map((each, round) => each / (plain.rates[round] ?? Number.NaN)));
  const goal = stage.apps >= 10_000 ? { goal: { least: 0.9 } } : {};
  return [
    { ...base, what: `${hot} hot, requests`, value: rate, unit: 'req/s', yardstick: bare },
    { ...base, what: `${hot} hot, requests to the yardstick's`, value: ratio, unit: 'ratio', ...goal },
    {
      ...base,
      what: `${hot} hot, HAProxy per request`,
      value: median(portolan.costs),
      unit: 'µs CPU/req',
      yardstick: median(plain.costs),
    },
    {
      ...base,
      what: `${hot} hot, failed requests`,
      value: portolan.failed + plain.failed,
      unit: 'count',
      goal: { most: 0 },
    },
  ];
}
