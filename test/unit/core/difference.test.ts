import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, differenceOf, joined, sortedAfter } from '../../../src/core/difference.ts';
import { editedMap } from '../../../src/core/edited-map.ts';

interface Item {
  readonly rank: number;
}
const byRank = (a: Item, b: Item): number => a.rank - b.rank;
const sorted = (items: readonly Item[]): readonly Item[] => [...items].sort(byRank);
/** Distinct objects, some of one rank in both of two lists. */
const twoLists = fc
  .tuple(fc.uniqueArray(fc.nat(60), { maxLength: 40 }), fc.uniqueArray(fc.nat(60), { maxLength: 40 }), fc.nat(60))
  .map(([before, after, sameUpTo]) => {
    const was = new Map(before.map((rank) => [rank, { rank }]));
    const now = after.map((rank) => (rank <= sameUpTo ? (was.get(rank) ?? { rank }) : { rank }));
    return { before: sorted([...was.values()]), after: sorted(now) };
  });

describe('the difference of two sorted lists', () => {
  test('is what is only in one of them, by identity', () => {
    fc.assert(
      fc.property(twoLists, ({ before, after }) => {
        expect(difference(before, after, byRank)).toEqual({
          gone: before.filter((item) => !after.includes(item)),
          came: after.filter((item) => !before.includes(item)),
        });
      }),
    );
  });

  test('leads from one to the other, few items or many', () => {
    fc.assert(
      fc.property(twoLists, fc.boolean(), ({ before, after }, isPadded) => {
        const padding = isPadded ? Array.from({ length: 400 }, (_, index) => ({ rank: 100 + index })) : [];
        const [from, to] = [
          [...before, ...padding],
          [...after, ...padding],
        ];
        const result = sortedAfter(from, difference(from, to, byRank), byRank);
        expect(result.length).toBe(to.length);
        expect(result.every((item, index) => item === to[index])).toBe(true);
      }),
    );
  });

  test('nothing, or something that went and came again, gives the same list', () => {
    const list = [{ rank: 1 }, { rank: 2 }];
    expect(sortedAfter(list, { gone: [], came: [] }, byRank)).toBe(list);
    expect(sortedAfter(list, { gone: list, came: [...list].reverse() }, byRank)).toBe(list);
  });

  test('what was never there cannot go', () => {
    const list = Array.from({ length: 20 }, (_, rank) => ({ rank }));
    expect(sortedAfter(list, { gone: [{ rank: 5 }], came: [] }, byRank)).toEqual(list);
  });

  test('differences of one collection join, and those of its items’ parts follow', () => {
    const [a, b, c] = [{ rank: 1 }, { rank: 2 }, { rank: 3 }];
    const all = joined({ gone: [a], came: [] }, { gone: [], came: [b, c] });
    expect(all).toEqual({ gone: [a], came: [b, c] });
    expect(differenceOf(all, ({ rank }) => [rank, -rank])).toEqual({ gone: [1, -1], came: [2, -2, 3, -3] });
  });
});

describe('an edited map', () => {
  const edits = fc.array(fc.tuple(fc.nat(50), fc.option(fc.nat(9), { nil: undefined })), { maxLength: 6 });

  test('holds what a copy would hold after the same edits, however many came before', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.array(edits, { maxLength: 12 }), (size, rounds) => {
        const plain = new Map(Array.from({ length: size }, (_, key) => [key, key]));
        let edited: ReadonlyMap<number, number> = new Map(plain);
        for (const round of rounds) {
          const before = [...edited];
          const was = edited;
          edited = editedMap(edited, new Map(round));
          for (const [key, value] of new Map(round)) value === undefined ? plain.delete(key) : plain.set(key, value);
          expect([...was]).toEqual(before);
          const visited: [number, number][] = [];
          edited.forEach((value, key) => {
            visited.push([key, value]);
          });
          const expected = [...plain].sort(([a], [b]) => a - b);
          for (const seen of [[...edited], visited, [...edited.entries()]]) {
            expect(seen.sort(([a], [b]) => a - b)).toEqual(expected);
          }
          expect([...edited.keys()].sort((a, b) => a - b)).toEqual(expected.map(([key]) => key));
          expect([...edited.values()].sort()).toEqual(expected.map(([, value]) => value).sort());
          expect(edited.size).toBe(plain.size);
          for (let key = 0; key <= 50; key++) {
            expect([edited.get(key), edited.has(key)]).toEqual([plain.get(key), plain.has(key)]);
          }
        }
      }),
    );
  });

  test('is the same map when nothing changes', () => {
    const map = new Map([['a', 1]]);
    expect(editedMap(map, new Map())).toBe(map);
    const edits = new Map<string, number | undefined>([
      ['a', 1],
      ['b', undefined],
    ]);
    expect(editedMap(map, edits)).toBe(map);
  });
});
