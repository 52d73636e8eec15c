import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { AnswerFault, FaultParameters } from './faults.ts';
import { spoilList } from './spoil-list.ts';

const SLOW_MS = 15_000;

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  readonly reason?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An answer with JSON in it. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) };
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

function parsed(body: string | Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** Sends the answer, in the way the fault wants it. Never throws; the client may be gone. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  how: { readonly gzip: boolean; readonly fault?: AnswerFault | undefined; readonly parameters: FaultParameters },
): Promise<void> {
  if (how.fault === 'hang-headers') return;
  const plain = Buffer.isBuffer(reply.body) ? reply.body : Buffer.from(reply.body);
  const zip = how.gzip && plain.length > 256 && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
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
