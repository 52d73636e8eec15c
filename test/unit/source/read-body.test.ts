import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readBody } from '../../../src/source/read-body.ts';

const TEXT = '{"apps":[]}'.repeat(1_000);

/** A body that was received to its end before anybody took it. */
function received(body: Buffer): Readable {
  const whole = new Readable({ read: () => undefined });
  whole.push(body);
  whole.push(null);
  return whole;
}

/** The same in two pieces, the second of which comes later. */
function coming(body: Buffer): Readable {
  const stream = new PassThrough();
  stream.write(body.subarray(0, 100));
  setImmediate(() => stream.end(body.subarray(100)));
  return stream;
}

test.each([
  ['whole, plain', received, undefined],
  ['whole, packed', received, 'gzip'],
  ['in pieces, plain', coming, undefined],
  ['in pieces, packed', coming, 'gzip'],
] as const)(
  'a body that comes %s is not over before its last piece was worked through',
  async (_how, make, encoding) => {
    const plain = Buffer.from(TEXT);
    let begun = '';
    let done = '';
    const write = async (piece: Buffer): Promise<void> => {
      begun += piece.toString();
      // Work in turns: the event loop goes round in between.
      for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
      done += piece.toString();
    };
    const read = await readBody(
      make(encoding === undefined ? plain : gzipSync(plain)),
      encoding,
      write,
      () => undefined,
    );
    expect(read).toEqual({ ok: true });
    expect(begun).toBe(TEXT);
    expect(done).toBe(TEXT);
  },
);

test('what its reader throws in its last turn is a failure', async () => {
  const write = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('bug');
  };
  expect(await readBody(received(Buffer.from(TEXT)), undefined, write, () => undefined)).toMatchObject({ ok: false });
});
