import { expect, test } from 'vitest';
import { neverBack } from '../../../src/cli/never-back.ts';

const HOUR = 3_600_000;

test('a clock that is set back goes on, and one that is set forward is followed', () => {
  let [wall, steady] = [1_700_000_000_000, 5_000.25];
  const now = neverBack(
    () => wall,
    () => steady,
  );
  const pass = (ms: number): number => {
    wall += ms;
    steady += ms;
    return now();
  };
  const began = now();
  expect(began).toBe(1_700_000_000_000);
  expect(pass(1_000)).toBe(began + 1_000);
  wall -= HOUR;
  expect(pass(1_000)).toBe(began + 2_000);
  expect(pass(1_000)).toBe(began + 3_000);
  wall += 2 * HOUR;
  expect(pass(1_000)).toBe(wall);
});

test('the time of day is asked for once in a millisecond, and the steady clock goes on meanwhile', () => {
  let [wall, steady, asked] = [1_700_000_000_000, 5_000, 0];
  const now = neverBack(
    () => {
      asked += 1;
      return wall;
    },
    () => steady,
  );
  const times = [0, 0.25, 0.5, 0.875, 1, 1.5, 2].map((passed) => {
    [wall, steady] = [1_700_000_000_000 + Math.floor(passed), 5_000 + passed];
    return now() - 1_700_000_000_000;
  });
  expect(times).toEqual([0, 0, 0, 0, 1, 1, 2]);
  expect(asked).toBe(3);
});
