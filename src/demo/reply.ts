import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { createGzip, gzipSync } from 'node:zlib';
import type { AnswerFault, FaultParameters } from './faults.ts';
import { spoilList } from './spoil-list.ts';

const SLOW_MS = 15_000;

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  readonly reason?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | Pieces;
}

/** A long body that is made while it is sent, so that its reader need not wait for all of it. */
interface Pieces {
  readonly pieces: Iterable<string>;
}

/** An answer with JSON in it. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** Lists longer than this are sent piece by piece: one of 10,000 apps takes most of a second to make. */
const LONG_LIST = 200;
/** Of such a list so much is put together before it is sent, in characters. */
const PIECE = 64 * 1024;

/**
 * An answer with one list in it, of what `show` makes of each item. A long list is, as Marathon's own, not of one moment: each
 * item is shown as it is when its turn comes.
 */
export function jsonList<T>(name: string, items: readonly T[], show: (item: T) => unknown): Reply {
  if (items.length <= LONG_LIST) return json({ [name]: items.map(show) });
  return { ...json({}), body: { pieces: listPieces(name, items, show) } };
}

function* listPieces<T>(name: string, items: readonly T[], show: (item: T) => unknown): Generator<string> {
  let piece = `{${JSON.stringify(name)}:[`;
  for (const [at, item] of items.entries()) {
    piece += at === 0 ? JSON.stringify(show(item)) : `,${JSON.stringify(show(item))}`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]}`;
}

/** An answer of the servlet container: an HTML page, or nothing where the version and `Accept` say so (marathon-api 4.2). */
export function containerError(status: number, reason: string, html: boolean): Reply {
  if (!html) return { status, reason, headers: {}, body: '' };
  return {
    status,
    reason,
    headers: { 'Content-Type': 'text/html;charset=iso-8859-1' },
    body: `<html>\n<head><title>Error ${status}</title></head>\n<body>\n<h2>HTTP ERROR: ${status}</h2>\n<p>${reason}</p>\n</body>\n</html>\n`,
  };
}

/** What a fault makes of an answer; undefined where only the sending changes. */
export function spoil(reply: Reply, fault: AnswerFault, parameters: FaultParameters): Reply | undefined {
  switch (fault) {
    case 'unavailable':
      return containerError(parameters.status ?? 503, 'Service Unavailable', parameters.body === 'html');
    case 'redirect':
      return { status: 302, headers: { Location: parameters.location ?? '/' }, body: '' };
    case 'blank-200':
      return { status: 200, headers: {}, body: '' };
    case 'html':
      return { ...containerError(200, 'OK', true), body: '<html><body>It works!</body></html>\n' };
    case 'assembling':
      return json({ message: 'while assembling rich tasks for app [/x]' }, 500);
    case 'empty-object':
      return json({});
    case 'empty-apps':
      return json({ apps: [] });
    case 'half-list':
    case 'filtered':
    case 'no-tasks':
    case 'no-health': {
      const spoilt = spoilList(parsed(reply.body), fault, parameters);
      return spoilt === undefined ? undefined : { ...reply, body: JSON.stringify(spoilt) };
    }
    case 'cut-length':
    case 'cut-chunked':
    case 'hang-headers':
    case 'hang-body':
    case 'slow-body':
    case 'slow':
      return undefined;
  }
}

function parsed(body: Reply['body']): unknown {
  try {
    return JSON.parse(bytesOf(body).toString());
  } catch {
    return undefined;
  }
}

function bytesOf(body: Reply['body']): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : [...body.pieces].join(''));
}

/** Sends the answer, in the way the fault wants it. Never throws; the client may be gone. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  how: { readonly gzip: boolean; readonly fault?: AnswerFault | undefined; readonly parameters: FaultParameters },
): Promise<void> {
  if (how.fault === 'hang-headers') return;
  const zips = how.gzip && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const pieces =
    how.fault === undefined && request.method !== 'HEAD' && typeof reply.body === 'object' && 'pieces' in reply.body
      ? reply.body.pieces
      : undefined;
  const plain = pieces === undefined ? bytesOf(reply.body) : Buffer.alloc(0);
  const zip = zips && (pieces !== undefined || plain.length > 256);
  const body = zip ? gzipSync(plain, { level: 1 }) : plain;
  if (how.fault === 'slow') await pause(how.parameters.ms ?? SLOW_MS);
  response.statusCode = reply.status;
  if (reply.reason !== undefined) response.statusMessage = reply.reason;
  for (const [name, value] of Object.entries(reply.headers)) response.setHeader(name, value);
  if (zip) response.setHeader('Content-Encoding', 'gzip');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (pieces !== undefined) return sendPieces(response, pieces, zip);
  const half = body.subarray(0, Math.max(1, Math.floor(body.length / 2)));
  switch (how.fault) {
    case 'cut-length':
      response.setHeader('Content-Length', body.length + 1);
      response.write(half, () => response.socket?.destroySoon());
      return;
    case 'cut-chunked':
      response.write(half, () => response.socket?.destroySoon());
      return;
    case 'hang-body':
      response.setHeader('Content-Length', body.length + 1);
      response.write(half);
      return;
    case 'slow-body':
      response.setHeader('Content-Length', body.length);
      for (let at = 0; at < body.length && !response.destroyed; at += 1024) {
        response.write(body.subarray(at, at + 1024));
        await pause(how.parameters.ms ?? 50);
      }
      response.end();
      return;
    default:
      response.setHeader('Content-Length', body.length);
      response.end(body);
  }
}

/** In chunks, as fast as the reader takes them. */
async function sendPieces(response: ServerResponse, pieces: Iterable<string>, zip: boolean): Promise<void> {
  const source = Readable.from(pieces);
  try {
    await (zip ? pipeline(source, createGzip({ level: 1 }), response) : pipeline(source, response));
  } catch {
    // The client is gone.
    response.destroy();
  }
}
