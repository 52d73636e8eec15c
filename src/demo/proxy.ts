import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { MarathonOptions } from './options.ts';
import { containerError, type Reply } from './reply.ts';

/** A request that a standby passes on. */
export interface Forwarded {
  readonly request: IncomingMessage;
  readonly body: string;
  readonly leader: { readonly advertised: string };
  /** The standby's own `host:port`. */
  readonly via: string;
  readonly options: Pick<MarathonOptions, 'dialect' | 'proxyReadTimeoutMs' | 'tls'>;
}

/** Headers that belong to one connection and are not passed on. */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host']);

/** Asks the leader over the network; failures become the answers of marathon-api 4.2. `aborted`: the leader died in mid-answer. */
export function askLeader(forwarded: Forwarded): Promise<Reply | 'aborted'> {
  const { request, via, options } = forwarded;
  const html = options.dialect === '1.4' || !(request.headers.accept ?? '').includes('application/json');
  if (String(request.headers['x-marathon-via'] ?? '').includes(via))
    return Promise.resolve(containerError(502, 'Detected proxying loop.', html));
  return new Promise((resolve) => {
    const asking = open(forwarded, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 502,
          ...(answer.statusMessage === undefined ? {} : { reason: answer.statusMessage }),
          headers: { ...passedOn(answer), 'X-Marathon-Via': `1.1 ${via}` },
          body: Buffer.concat(parts),
        }),
      );
      answer.on('error', () => resolve('aborted'));
    });
    asking.setTimeout(options.proxyReadTimeoutMs, () => asking.destroy(new Error('ETIMEDOUT')));
    asking.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(containerError(502, 'Connection to leader refused.', html));
      else if (options.dialect === '1.4') resolve(containerError(504, 'Connection to leader timed out.', html));
      else resolve(containerError(500, 'Server Error', html));
    });
    asking.end(forwarded.body);
  });
}

/** Passes the leader's event stream on, as standbys did up to 1.6. */
export function pipeLeader(forwarded: Forwarded, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const asking = open(forwarded, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...passedOn(answer), 'X-Marathon-Via': `1.1 ${forwarded.via}` });
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
      resolve();
    });
    response.on('close', () => asking.destroy());
    asking.on('error', () => {
      response.destroy();
      resolve();
    });
    asking.end();
  });
}

function open(forwarded: Forwarded, answered: (answer: IncomingMessage) => void): ClientRequest {
  const { request, leader, via, options } = forwarded;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !HOP.has(name) && name !== 'accept-encoding'),
  );
  const scheme = options.tls === undefined ? 'http' : 'https';
  const send = options.tls === undefined ? httpRequest : httpsRequest;
  const tls =
    options.tls === undefined ? {} : { rejectUnauthorized: false, key: options.tls.key, cert: options.tls.cert };
  return send(
    `${scheme}://${leader.advertised}${request.url ?? '/'}`,
    {
      method: request.method ?? 'GET',
      agent: false,
      ...tls,
      headers: {
        ...headers,
        'X-Marathon-Via': `1.1 ${via}`,
        'X-Forwarded-For': request.socket.remoteAddress ?? '',
      },
    },
    answered,
  );
}

function passedOn(answer: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) =>
      value === undefined || HOP.has(name) ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
