import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createInflate } from 'node:zlib';
import { fail, ok, type Result } from '../core/result.ts';
import type { BodyReader } from './body-reader.ts';
import { classifyError, type RequestFailure } from './fetch-failures.ts';

/** No answer of a Marathon is larger than this, packed or unpacked: 256 MiB. */
export const LARGEST_BODY = 256 * 1024 * 1024;

/** A list of apps unpacks to megabytes: fewer, larger pieces than zlib's own cost less. Bytes. */
const UNPACKED_PIECE = 64 * 1024;

class TooLarge extends Error {}

/**
 * Unpacks a body and hands it on piece by piece, to the end. A body cut short is a failure in every framing: content-length,
 * chunks, gzip. `alive` is called for every piece that arrives.
 */
export async function readBody(
  body: Readable,
  encoding: string | undefined,
  write: BodyReader<unknown>['write'],
  alive: () => void,
  largest = LARGEST_BODY,
): Promise<Result<void, RequestFailure>> {
  const counted = (limit: number, each: () => void) =>
    async function* (source: AsyncIterable<Buffer>) {
      let size = 0;
      for await (const piece of source) {
        each();
        size += piece.length;
        if (size > limit) throw new TooLarge(`more than ${limit} bytes`);
        yield piece;
      }
    };
  const collect = async (source: AsyncIterable<Buffer>) => {
    for await (const piece of source) await write(piece);
  };
  const unpack = unpacker(encoding);
  const packed = counted(largest, alive);
  try {
    if (unpack === undefined) await pipeline(body, packed, collect);
    else
      await pipeline(
        body,
        packed,
        unpack,
        counted(largest, () => undefined),
        collect,
      );
    return ok(undefined);
  } catch (error) {
    if (error instanceof TooLarge) return fail({ kind: 'too-large', detail: error.message });
    return fail(classifyError(error, 'body'));
  }
}

function unpacker(encoding: string | undefined) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip({ chunkSize: UNPACKED_PIECE });
  if (encoding === 'deflate') return createInflate({ chunkSize: UNPACKED_PIECE });
  return undefined;
}
