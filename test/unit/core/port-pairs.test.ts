import { describe, expect, test } from 'vitest';
import type { Port } from '../../../src/core/app.ts';
import { atPresentPorts, checksAtPresentPorts, pairPorts } from '../../../src/core/port-pairs.ts';
import { check, endpoint } from './table-rig.ts';

/** Ports of these service ports; 0: it has none. */
const ports = (...servicePorts: readonly number[]): readonly Port[] =>
  servicePorts.map((servicePort, index) => ({ index, protocol: 'tcp', ...(servicePort === 0 ? {} : { servicePort }) }));

describe('which present port an older one is', () => {
  test.each<readonly [string, readonly number[], readonly number[], readonly (number | undefined)[]]>([
    ['nothing changed', [1, 2], [1, 2], [0, 1]],
    ['one added in front', [1], [9, 1], [1]],
    ['one added behind', [1], [1, 9], [0]],
    ['the first dropped', [1, 2], [2], [undefined, 0]],
    ['the last dropped', [1, 2], [1], [0, undefined]],
    ['swapped', [1, 2], [2, 1], [1, 0]],
    ['renumbered', [1, 2], [8, 9], [0, 1]],
    ['one renumbered, one moved to its place', [1, 2], [2, 9], [undefined, 0]],
    ['no service ports at all', [0, 0], [0, 0], [0, 1]],
    ['given one since', [0], [5], [0]],
    ['one service port twice says nothing', [1, 1], [1, 1], [0, 1]],
    ['twice only now', [1], [9, 1, 1], [0]],
    ['no ports any more', [1], [], [undefined]],
  ])('%s', (_, older, present, expected) => {
    expect(pairPorts(ports(...older), ports(...present))).toEqual(expected);
  });
});

test('endpoints move with their ports and stay sorted; those of dropped ports are left out', () => {
  const found = [endpoint(0, 31_000), endpoint(1, 31_001), endpoint(2, 31_002)];
  expect(atPresentPorts([1, undefined, 0], found)).toEqual([endpoint(0, 31_002), endpoint(1, 31_000)]);
});

test('checks move with their ports; a literal port needs no moving', () => {
  const { portIndex: _, ...nowhere } = check({ path: '/first' });
  const { portIndex: __, ...literal } = check({ port: 9_000 });
  const moved = checksAtPresentPorts([1, undefined], [nowhere, check({ portIndex: 1 }), literal]);
  expect(moved).toEqual([{ ...nowhere, portIndex: 1 }, literal]);
});
