import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What the bench is asked to do. */
export interface BenchOptions {
  readonly quick: boolean;
  /** Letters of scenarios. */
  readonly only: ReadonlySet<string>;
  /** Apps of the clusters, each with three tasks. */
  readonly sizes: readonly number[];
  /** Write a CPU profile of every Portolan. */
  readonly profile: boolean;
  /** A missed goal is a failure of the run. */
  readonly assert: boolean;
  /** Where results and profiles go. */
  readonly results: string;
  /** How long each kind of sampling may go on, in milliseconds. */
  readonly sampleMs: number;
  /** Samples of one figure at most. */
  readonly samples: number;
}

const SCENARIOS = 'abcdefgh';

const USAGE = `npm run bench [-- OPTIONS]
  --quick          fewer sizes, samples and seconds: under three minutes
  --only a,b       these scenarios: a new vhost, b one more task, c drain, d CPU, e starts, f requests/s, g churn, h growth
  --sizes 10,1000  apps per cluster (3 tasks each)
  --profile        a CPU profile of Portolan per cluster, in test/bench/results/
  --assert         exit 1 when a goal is missed`;

/** Reads the command line; exits with the usage where it cannot. */
export function readOptions(): BenchOptions {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        sizes: { type: 'string' },
        profile: { type: 'boolean', default: false },
        assert: { type: 'boolean', default: false },
      },
    });
    const only = new Set((values.only ?? [...SCENARIOS].join(',')).split(','));
    for (const letter of only)
      if (letter.length !== 1 || !SCENARIOS.includes(letter)) throw new Error(`no scenario ${letter}`);
    const sizes = (values.sizes ?? (values.quick ? '10,10000' : '10,100,1000,3000,10000')).split(',').map(Number);
    if (!sizes.every((size) => Number.isInteger(size) && size >= 1)) throw new Error(`sizes ${values.sizes}`);
    return {
      quick: values.quick,
      only,
      sizes,
      profile: values.profile,
      assert: values.assert,
      results: resolve(import.meta.dirname, 'results'),
      sampleMs: values.quick ? 4_000 : 30_000,
      samples: values.quick ? 15 : 100,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}
