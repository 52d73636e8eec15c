// `npm run test:chaos -- --minutes N --seed S`
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    quiet: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run test:chaos -- [--minutes N] [--seed S] [--quiet]\n');
  process.exit(2);
}
const say = (line: string): void => {
  if (!values.quiet) process.stderr.write(`${line}\n`);
};
process.stdout.write(`chaos for ${minutes} minutes with seed ${seed}\n`);
try {
  const figures = await runChaos({ minutes, seed, firstPort: 30_200, say });
  for (const [word, figure] of Object.entries(figures)) process.stdout.write(`${word.padEnd(10)} ${figure}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\nseed ${seed}\n`);
  process.exitCode = 1;
}
