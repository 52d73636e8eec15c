import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compileLater } from '../../../src/cli/compile-later.ts';
import type { DaemonEvent } from '../../../src/core/events.ts';
import type { State } from '../../../src/core/state.ts';

test('V8 is told once, when the first pass is over, in words that it knows', () => {
  const flags: string[] = [];
  const hear = compileLater((flag) => flags.push(flag));
  const tell = (type: DaemonEvent['type']) => hear({ type } as DaemonEvent, {} as State);
  tell('started');
  tell('pass-started');
  expect(flags).toEqual([]);
  tell('pass-finished');
  tell('pass-finished');
  expect(flags).toHaveLength(1);
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8', maxBuffer: 10_000_000 });
  for (const flag of flags) expect(known).toContain(`\n  ${flag.split('=')[0]} `);
});
