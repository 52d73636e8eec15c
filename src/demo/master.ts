import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiRequest } from './api-request.ts';
import { unauthorized } from './auth.ts';
import type { Cluster } from './cluster.ts';
import { createEventStream, type EventStream, openStream } from './event-stream.ts';
import { createFaults, type FaultKind, type FaultParameters, type Faults } from './faults.ts';
import { createFlood } from './flood.ts';
import { createListener, type Listener } from './listener.ts';
import { askLeader, pipeLeader } from './proxy.ts';
import { containerError, type Reply, send, spoil } from './reply.ts';

/** One Marathon process. */
export interface Master {
  readonly name: string;
  /** Base URL with prefix. */
  readonly url: string;
  /** `host:port`, as it advertises itself. */
  readonly advertised: string;
  readonly listener: Listener;
  readonly faults: Faults;
  setFault(kind: FaultKind, parameters: FaultParameters): Promise<void>;
  clearFaults(kind?: FaultKind): Promise<void>;
  /** Closes all event streams cleanly. */
  endStreams(): void;
  readonly streams: ReadonlySet<EventStream>;
}

/** What a master knows of the others. */
export interface Ensemble {
  /** The elected and ready leader, if there is one. */
  leader(): Master | undefined;
  /** The leader's event bus takes subscribers. */
  streamsReady(): boolean;
  api(request: ApiRequest): Promise<Reply>;
}

const FLOOD_PER_SECOND = 10_000;

/** Faults that replace the answer without asking Marathon at all. */
const NEEDS_ANSWER: ReadonlySet<FaultKind> = new Set([
  'half-list',
  'filtered',
  'no-tasks',
  'no-health',
  'cut-length',
  'cut-chunked',
  'hang-body',
  'slow-body',
  'slow',
]);

/** A master on its port; its listener is not open yet. */
export function createMaster(cluster: Cluster, ensemble: Ensemble, name: string, port: number): Master {
  const { options } = cluster;
  const faults = createFaults();
  const streams = new Set<EventStream>();
  const flood = createFlood(cluster);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const advertised = `${options.address}:${port}`;
  const old = options.dialect === '1.4';

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('error', () => response.destroy());
    const body = await readBody(request);
    await faults.thawed();
    if (response.destroyed) return;
    const url = new URL(request.url ?? '/', 'http://marathon');
    const path = url.pathname.slice(options.prefix.length);
    const answer = (reply: Reply): Promise<void> =>
      send(request, response, reply, { gzip: options.gzip, parameters: {} });
    if (!url.pathname.startsWith(options.prefix)) return answer(containerError(404, 'Not Found', true));
    const refused = unauthorized(request, options);
    if (refused !== undefined) return answer(refused);
    const fault = faults.forAnswer(path);
    const parameters = fault === undefined ? {} : faults.parametersOf(fault);
    if (fault !== undefined && !NEEDS_ANSWER.has(fault)) {
      const spoilt = spoil({ status: 200, headers: {}, body: '' }, fault, parameters);
      return send(request, response, spoilt ?? { status: 200, headers: {}, body: '' }, {
        gzip: false,
        fault,
        parameters,
      });
    }
    if (path === '/v2/events') return events(request, response, url, answer);
    const reply = await regular(request, url, path, body);
    if (reply === 'aborted') {
      response.destroy();
      return;
    }
    const shaped = fault === undefined ? reply : (spoil(reply, fault, parameters) ?? reply);
    // A body that is spoilt must be seen as it is, not through compression.
    return send(request, response, shaped, { gzip: options.gzip && fault === undefined, fault, parameters });
  };

  const regular = async (
    request: IncomingMessage,
    url: URL,
    path: string,
    body: string,
  ): Promise<Reply | 'aborted'> => {
    const leader = ensemble.leader();
    if (leader === undefined) return noLeader(request);
    if (leader !== master) return askLeader({ request, body, leader, via: advertised, options });
    const reply = await ensemble.api({
      method: request.method ?? 'GET',
      path,
      query: url.searchParams,
      body,
      accept: request.headers.accept ?? '',
      clientIp: request.socket.remoteAddress ?? '',
    });
    return { ...reply, headers: { ...reply.headers, 'X-Marathon-Leader': `${scheme}://${advertised}` } };
  };

  const noLeader = (request: IncomingMessage): Reply =>
    containerError(
      old ? 503 : 502,
      'Could not determine the current leader',
      old || !(request.headers.accept ?? '').includes('application/json'),
    );

  const events = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    answer: (reply: Reply) => Promise<void>,
  ): Promise<void> => {
    const leader = ensemble.leader();
    if (leader === undefined) return answer(noLeader(request));
    if (leader !== master) {
      if (old) return pipeLeader({ request, body: '', leader, via: advertised, options }, response);
      const location = `${leader.url}/v2/events${url.search}`;
      return answer({ status: 302, headers: { Location: location }, body: '' });
    }
    if (request.headers.accept !== 'text/event-stream')
      return answer(containerError(405, 'HTTP method GET is not supported by this URL', true));
    openStream(response, { 'X-Marathon-Leader': `${scheme}://${advertised}` });
    if (!ensemble.streamsReady() || faults.has('stream-eof')) {
      response.end();
      return;
    }
    // The subscription follows the header: only event_stream_attached says that it is there.
    cluster.timers.after(0, () => {
      if (!response.destroyed) attach(request, response, url.searchParams);
    });
  };

  const attach = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void => {
    const stream = createEventStream(request, response, query, {
      faults,
      random: cluster.random,
      heartbeatMs: options.heartbeatMs,
      maxOutstanding: options.maxOutstanding,
      onSlow: old ? 'drop' : 'close',
      closed: () => {
        unsubscribe();
        streams.delete(stream);
        if (!cluster.timers.stopped)
          cluster.bus.publish('event_stream_detached', { remoteAddress: stream.remoteAddress });
      },
    });
    streams.add(stream);
    const unsubscribe = cluster.bus.subscribe(stream.hear);
    cluster.bus.publish('event_stream_attached', { remoteAddress: stream.remoteAddress });
  };

  const listener = createListener(options.address, port, options.tls, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  const master: Master = {
    name,
    url: `${scheme}://${advertised}${options.prefix}`,
    advertised,
    listener,
    faults,
    streams,
    setFault: async (kind, parameters) => {
      faults.set(kind, parameters);
      if (kind === 'stream-eof') master.endStreams();
      if (kind === 'flood' && ensemble.leader() === master) flood.start(parameters.perSecond ?? FLOOD_PER_SECOND);
      if (kind === 'refuse') await listener.close();
    },
    clearFaults: async (kind) => {
      const refusing = faults.has('refuse');
      faults.clear(kind);
      if (!faults.has('flood')) flood.stop();
      if (refusing && !faults.has('refuse')) await listener.open();
    },
    endStreams: () => {
      for (const stream of streams) stream.end();
    },
  };
  return master;
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => resolve(Buffer.concat(parts).toString()));
    request.on('error', () => resolve(''));
  });
}
