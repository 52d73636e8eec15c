import { defineConfig } from 'vitest/config';

/**
 * Files of a level at a time. Scenarios of the fault suite's full form mostly wait, each file on ports of its own.
 */
const LANES = Number(process.env['PORTOLAN_FAULT_LANES'] ?? 1);

// One project per level of test. Levels that drive a real HAProxy share ports and CPU: their files run one after the other, and
// what a busy machine spoils is tried once more, which the report tells ("retry x1").
const level = (name: string, serial: boolean, timeoutMs: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    setupFiles: ['test/support/property-seed.ts'],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: !serial || (name === 'fault' && LANES > 1),
    ...(name === 'fault' && LANES > 1 ? { maxWorkers: LANES } : {}),
    retry: serial ? 1 : 0,
  },
});

export default defineConfig({
  test: {
    projects: [
      level('unit', false, 20_000),
      level('golden', false, 60_000),
      level('integration', true, 60_000),
      level('fault', true, 180_000),
      level('e2e', true, 300_000),
    ],
  },
});
