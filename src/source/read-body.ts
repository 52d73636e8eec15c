import { pipeline, type Readable, type Transform } from 'node:stream';
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
  const unpack = unpacker(encoding);
  const packed = counter(largest, alive);
  try {
    if (unpack === undefined) await drain(body, packed, write);
    else {
      const count = counter(largest, () => undefined);
      await drain(unpacking(body, unpack, packed), count, write);
    }
    return ok(undefined);
  } catch (error) {
    if (error instanceof TooLarge) return fail({ kind: 'too-large', detail: error.message });
    return fail(classifyError(error, 'body'));
  }
}

/** Counts bytes, and throws where they are too many. */
function counter(limit: number, each: () => void): (piece: Buffer) => void {
  let size = 0;
  return (piece) => {
    each();
    size += piece.length;
    if (size > limit) throw new TooLarge(`more than ${limit} bytes`);
  };
}

/**
 * What `unpack` makes of a body. Piped, not iterated: iterating (`for await` over a pipeline, Node 26) keeps what every piece
 * was until the last one, which makes megabytes of young garbage old.
 */
function unpacking(body: Readable, unpack: Transform, count: (piece: Buffer) => void): Readable {
  body.on('data', (piece: Buffer) => {
    try {
      count(piece);
    } catch (error) {
      body.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  // Whatever goes wrong on one side ends the other one; whoever reads hears of it from `unpack`.
  return pipeline(body, unpack, () => undefined);
}

/** Reads a body as it comes. Most are one piece of a few kilobytes, for which a pipeline would cost more than all the rest. */
function drain(body: Readable, count: (piece: Buffer) => void, write: BodyReader<unknown>['write']): Promise<void> {
  return new Promise((resolve, reject) => {
    if (body.destroyed) return reject(body.errored ?? new Error('the body ended early'));
    const give = (error: unknown): void => {
      reject(error);
      body.destroy();
    };
    // A paused stream still says that it ended when it knew so before its last piece was taken (Node 26).
    let busy: Promise<void> | undefined;
    body.on('data', (piece: Buffer) => {
      try {
        count(piece);
        busy = write(piece);
        if (busy === undefined) return;
        body.pause();
        busy.then(() => body.resume(), give);
      } catch (error) {
        give(error);
      }
    });
    body.once('end', () => {
      if (busy === undefined) resolve();
      else busy.then(resolve, reject);
    });
    body.once('error', reject);
    body.once('close', () => {
      if (!body.readableEnded) reject(new Error('the body ended early'));
    });
  });
}

function unpacker(encoding: string | undefined) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip({ chunkSize: UNPACKED_PIECE });
  if (encoding === 'deflate') return createInflate({ chunkSize: UNPACKED_PIECE });
  return undefined;
}
