import type { Readable } from 'node:stream';
import type { FetchLike, FetchLikeResponse, ReaderLike } from 'eventsource';
import type { DaemonEventBody } from '../core/events.ts';
import type { SourceFailure } from '../core/ports.ts';
import type { AgentPool } from './agents.ts';
import { type IdentitySettings, readCredentials } from './credentials.ts';
import { classifyError } from './fetch-failures.ts';
import { followRedirect, type Master, type Masters } from './masters.ts';
import { isRedirect, type Response, singleHeader } from './response.ts';

/** What a stream's fetch touches. */
export interface StreamFetchParts {
  readonly masters: Masters;
  readonly settings: IdentitySettings;
  readonly pool: AgentPool;
  readonly emit: (body: DaemonEventBody) => void;
}

/** What the owner of the stream is told, in order. */
export interface StreamFetchWatch {
  /** The head of an answer came from `master`, the leader where a standby sent us on. */
  readonly head: (master: Master, outcome: 'ok' | SourceFailure['kind'], leader: string | undefined) => void;
  /** Bytes came, heartbeats included. */
  readonly bytes: () => void;
  /** No answer could be had. */
  readonly failed: (outcome: SourceFailure['kind'], detail: string) => void;
}

/**
 * The fetch below an EventSource: a request of undici's, with our credentials, at most one redirect to a configured host, and a body
 * whose bytes are counted before the parser swallows Marathon's bare line ends. `eventsource` sends `Accept` exactly as
 * Marathon wants it (marathon-api 3.1). Not undici's own fetch: what its streams of the web do for each event costs as much as the event.
 */
export function createStreamFetch(parts: StreamFetchParts, master: Master, watch: StreamFetchWatch): FetchLike {
  const { masters, settings, pool, emit } = parts;
  return async (url, init): Promise<FetchLikeResponse> => {
    const credentials = await readCredentials(settings);
    if (!credentials.ok) {
      watch.failed('unauthorized', credentials.failure);
      throw new Error(credentials.failure);
    }
    const { authorization, tls } = credentials.value;
    const headers = {
      ...init.headers,
      'user-agent': 'portolan',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const send = async (target: string): Promise<Response> => {
      const { origin, pathname, search } = new URL(target);
      const path = `${pathname}${search}`;
      const response = await pool.agent(tls).request({ origin, path, method: 'GET', headers, signal: init.signal });
      // The body of an answer that is no stream is read by nobody: what ends it must not be thrown.
      response.body.on('error', () => undefined);
      return response;
    };
    let response: Response;
    let from = master;
    let place = String(url);
    try {
      response = await send(place);
      if (isRedirect(response)) {
        // Where it leads is in its head: an end of its body may never come.
        response.body.destroy();
        const hop = followRedirect(masters, place, singleHeader(response.headers['location']));
        if (!hop.follow) {
          emit({ type: 'redirect-refused', endpoint: master.endpoint, target: hop.target });
          throw new RedirectRefused(`sent on to ${hop.target}, which is not configured`);
        }
        from = hop.master;
        place = hop.url;
        response = await send(place);
      }
    } catch (error) {
      if (error instanceof RedirectRefused) watch.failed('redirect-refused', error.message);
      else {
        const { kind, detail } = classifyError(error, 'head');
        watch.failed(kind, detail);
      }
      throw error;
    }
    watch.head(from, outcomeOf(response), singleHeader(response.headers['x-marathon-leader']));
    return {
      body: { getReader: () => readerOf(response.body, watch.bytes) },
      url: place,
      status: response.statusCode,
      redirected: false,
      headers: { get: (name) => singleHeader(response.headers[name.toLowerCase()]) ?? null },
    };
  };
}

class RedirectRefused extends Error {}

function outcomeOf(response: Response): 'ok' | SourceFailure['kind'] {
  const { statusCode } = response;
  if (statusCode === 401 || statusCode === 403) return 'unauthorized';
  if (isRedirect(response)) return 'redirect-refused';
  return statusCode === 200 ? 'ok' : 'http-status';
}

/** Reads a body as it comes: all that has come at once is one piece. */
function readerOf(body: Readable, bytes: () => void): ReaderLike {
  let failure: Error | undefined;
  let wake = (): void => undefined;
  body.on('readable', () => wake());
  body.once('end', () => wake());
  body.once('error', (error) => {
    failure = error;
  });
  // Comes last, whatever ended it.
  body.once('close', () => wake());
  const over = (): boolean => body.readableEnded || body.destroyed;
  return {
    async read() {
      for (;;) {
        const piece: Buffer | null = body.read();
        if (piece !== null) {
          bytes();
          return { done: false, value: piece };
        }
        if (failure !== undefined) throw failure;
        if (over()) return { done: true };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async cancel() {
      body.destroy();
    },
  };
}
