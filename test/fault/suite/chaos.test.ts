import { expect, test } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { report } from './report.ts';
import { FULL } from './stage.ts';

const MINUTES = FULL ? 3 : 0.2;

test('whatever happens, nothing is lost and HAProxy holds what the cluster says', {
  retry: 0,
  timeout: MINUTES * 60_000 + 300_000,
}, async () => {
  // Another seed each time: a failure names it.
  const seed = Date.now() % 1_000_000;
  const lines: string[] = [];
  const figures = await runChaos({ minutes: MINUTES, seed, firstPort: 30_100, say: (line) => lines.push(line) }).catch(
    (error: unknown) => {
      throw new Error(
        `seed ${seed}\n${lines.slice(-80).join('\n')}\n${error instanceof Error ? error.message : error}`,
      );
    },
  );
  const { requests, lost, tasksOwn, changes, faults, kills, reloads, settled } = figures;
  report({
    suite: 'Chaos',
    fault: `chaos: ${changes} changes, ${faults} faults, ${kills} kills, seed ${seed}`,
    rows: ['5', '10', '25'],
    restarted: false,
    lastedMs: figures.seconds * 1000,
    asked: requests,
    failed: lost + tasksOwn,
    excused: tasksOwn,
    retried: 0,
    state: `${settled} times equal to the model, ${reloads} generations`,
    recoveredMs: 0,
  });
  expect(lost).toBe(0);
  expect(settled).toBeGreaterThan(0);
});
