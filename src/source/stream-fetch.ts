import type { FetchLike, FetchLikeResponse, ReaderLike } from 'eventsource';
import { fetch, type Response } from 'undici';
import type { DaemonEventBody } from '../core/events.ts';
import type { SourceFailure } from '../core/ports.ts';
import type { AgentPool } from './agents.ts';
import { type IdentitySettings, readCredentials } from './credentials.ts';
import { classifyError } from './fetch-failures.ts';
import { followRedirect, type Master, type Masters } from './masters.ts';

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
 * The fetch below an EventSource: undici's, with our credentials, at most one redirect to a configured host, and a body
 * whose bytes are counted before the parser swallows Marathon's bare line ends. `eventsource` sends `Accept` exactly as
 * Marathon wants it (marathon-api 3.1).
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
    const send = async (target: string): Promise<Response> =>
      fetch(target, { headers, redirect: 'manual', signal: init.signal, dispatcher: pool.agent(tls) });
    let response: Response;
    let from = master;
    try {
      response = await send(String(url));
      if (isRedirect(response)) {
        await response.body?.cancel();
        const hop = followRedirect(masters, String(url), response.headers.get('location') ?? undefined);
        if (!hop.follow) {
          emit({ type: 'redirect-refused', endpoint: master.endpoint, target: hop.target });
          throw new RedirectRefused(`sent on to ${hop.target}, which is not configured`);
        }
        from = hop.master;
        response = await send(hop.url);
      }
    } catch (error) {
      if (error instanceof RedirectRefused) watch.failed('redirect-refused', error.message);
      else {
        const { kind, detail } = classifyError(error, 'head');
        watch.failed(kind, detail);
      }
      throw error;
    }
    watch.head(from, outcomeOf(response), response.headers.get('x-marathon-leader') ?? undefined);
    return {
      body: countedBody(response, watch.bytes),
      url: response.url,
      status: response.status,
      redirected: false,
      headers: response.headers,
    };
  };
}

class RedirectRefused extends Error {}

const isRedirect = ({ status }: Response): boolean => status >= 300 && status < 400;

function outcomeOf(response: Response): 'ok' | SourceFailure['kind'] {
  if (response.status === 401 || response.status === 403) return 'unauthorized';
  if (isRedirect(response)) return 'redirect-refused';
  return response.status === 200 ? 'ok' : 'http-status';
}

function countedBody(response: Response, bytes: () => void): { getReader(): ReaderLike } | null {
  const { body } = response;
  if (body === null) return null;
  return {
    getReader() {
      const reader = body.getReader();
      return {
        async read() {
          const piece = await reader.read();
          if (piece.done) return { done: true };
          bytes();
          return { done: false, value: piece.value };
        },
        cancel: () => reader.cancel(),
      };
    },
  };
}
