import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTextDigest } from '../../../src/core/digest.ts';
import { commonEnds, createListMaker } from '../../../src/core/list-maker.ts';

const hex = (digest: Uint8Array): string => Buffer.from(digest).toString('hex');
/** A long list, and what becomes of it: pieces are put in, taken out and replaced here and there. */
const histories = fc.tuple(
  fc.nat(300),
  fc.array(
    fc.array(fc.record({ at: fc.nat(400), out: fc.nat(3), put: fc.array(fc.nat(999), { maxLength: 3 }) }), {
      maxLength: 3,
    }),
    {
      maxLength: 8,
    },
  ),
);
function* listsOf([size, steps]: typeof histories extends fc.Arbitrary<infer H> ? H : never): Generator<
  readonly string[]
> {
  let list: readonly string[] = Array.from({ length: size }, (_, index) => `server s${index * 7919}\n`);
  yield list;
  for (const edits of steps) {
    for (const { at, out, put } of edits) list = list.toSpliced(at, out, ...put.map((number) => `server n${number}\n`));
    yield list;
  }
}

describe('the ends that two lists have in common', () => {
  test.each([
    ['', '', 0, 0],
    ['abc', 'abc', 3, 0],
    ['abc', 'abxc', 2, 1],
    ['abxc', 'abc', 2, 1],
    ['aaa', 'aa', 2, 0],
    ['abc', 'xyz', 0, 0],
    ['', 'abc', 0, 0],
    ['xbc', 'abc', 0, 2],
  ])('%j and %j', (a, b, head, tail) => {
    expect(commonEnds([...a], [...b])).toEqual({ head, tail });
  });
});

describe('a list made of a list', () => {
  test('is what making each item gives, whatever came before', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const make = createListMaker((text: string) => text.toUpperCase());
        for (const list of listsOf(history)) expect(make(list)).toEqual(list.map((text) => text.toUpperCase()));
      }),
    );
  });

  test('is the same list when nothing changed, and nothing at the ends is made again', () => {
    const made: string[] = [];
    const make = createListMaker((text: string) => made.push(text));
    const first = make(['a', 'b', 'c']);
    expect(make(['a', 'b', 'c'])).toBe(first);
    make(['a', 'x', 'c', 'c']);
    expect(made).toEqual(['a', 'b', 'c', 'x', 'c']);
  });
});

describe('what stands between two changes', () => {
  test('is not made again where it stayed in its place', () => {
    const made: string[] = [];
    const make = createListMaker((text: string) => made.push(text));
    const first = make(['a', 'b', 'c', 'd', 'e']);
    expect(make(['x', 'b', 'c', 'd', 'y'])).toEqual([6, ...first.slice(1, 4), 7]);
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'x', 'y']);
  });

  test('has the digest that it had, also where it moved', () => {
    const pieces = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
    const digest = createTextDigest();
    digest(pieces);
    const ends = pieces.with(0, 'other\n').with(499, 'another\n');
    for (const list of [ends, ['new\n', ...ends.slice(0, 300), ...ends.slice(301)], pieces.toReversed(), pieces]) {
      expect(hex(digest(list))).toBe(hex(createTextDigest()(list)));
    }
  });
});

describe('the digest of a text', () => {
  test('depends on the text alone, whatever was digested before', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const digest = createTextDigest();
        for (const list of listsOf(history)) expect(hex(digest(list))).toBe(hex(createTextDigest()(list)));
      }),
    );
  });

  test('follows every piece and their order', () => {
    const pieces = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
    const digests = new Set([
      hex(createTextDigest()(pieces)),
      hex(createTextDigest()(pieces.slice(1))),
      hex(createTextDigest()(pieces.slice(0, -1))),
      hex(createTextDigest()(pieces.toReversed())),
      ...[0, 1, 250, 499].map((at) => hex(createTextDigest()(pieces.with(at, 'other\n')))),
      hex(createTextDigest()([])),
    ]);
    expect(digests.size).toBe(9);
  });
});
