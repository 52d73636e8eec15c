import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MarathonEvent } from './event-bus.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';

const BUFFER_MS = 60_000;

/** One client of `/v2/events`. */
export interface EventStream {
  hear(event: MarathonEvent): void;
  /** Clean end of the stream. */
  end(): void;
  /** Cuts the connection. */
  cut(): void;
  readonly remoteAddress: string;
}

/** What a stream is given. */
export interface StreamContext {
  readonly faults: Faults;
  readonly random: Random;
  readonly heartbeatMs: number;
  readonly maxOutstanding: number;
  /** Too many unsent events: ≥ 1.8 closes the connection, older versions drop them. */
  readonly onSlow: 'close' | 'drop';
  closed(): void;
}

/** Answers with the header of an event stream: no length, no chunks, the body ends with the connection (marathon-api 3.1). */
export function openStream(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  response.shouldKeepAlive = false;
  response.chunkedEncoding = false;
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, {
    ...headers,
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Expires: '0',
    Connection: 'close',
    'Content-Type': 'text/event-stream;charset=utf-8',
  });
  response.flushHeaders();
}

/** Serves the stream to one client: CRLF frames, filter, heartbeats, and whatever faults are on. */
export function createEventStream(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  context: StreamContext,
): EventStream {
  const { faults } = context;
  const types = new Set(query.getAll('event_type'));
  const heavy = query.get('plan-format') !== 'light';
  let outstanding = 0;
  let held: string | undefined;
  let over = false;

  const silent = (): boolean => faults.has('freeze') || faults.has('silent-stream');
  const end = (): void => {
    response.end();
  };
  const cut = (): void => {
    response.destroy();
  };
  let buffered = '';
  let flushing: NodeJS.Timeout | undefined;
  /** As a proxy that buffers passes it on: whole pieces, late. */
  const buffer = (text: string): void => {
    buffered += text;
    flushing ??= setTimeout(() => {
      flushing = undefined;
      const piece = buffered;
      buffered = '';
      if (!over && !silent()) response.write(piece);
    }, faults.parametersOf('buffer-events').ms ?? BUFFER_MS);
  };
  const write = (frame: string): void => {
    // What comes after buffered bytes comes behind them.
    if (faults.has('buffer-events') || flushing !== undefined) {
      buffer(frame);
      return;
    }
    outstanding++;
    response.write(frame, () => {
      outstanding--;
    });
  };
  const deliver = (frame: string): void => {
    if (!faults.has('reorder-events')) {
      write(held === undefined ? frame : frame + held);
      held = undefined;
    } else if (held === undefined) {
      held = frame;
    } else {
      write(frame);
      write(held);
      held = undefined;
    }
  };
  const hear = (event: MarathonEvent): void => {
    if (over || silent() || faults.has('heartbeat-only')) return;
    if (types.size > 0 && !types.has(event.type)) return;
    if (faults.has('lose-events') && context.random.next() < (faults.parametersOf('lose-events').share ?? 1)) return;
    if (outstanding >= context.maxOutstanding) {
      if (context.onSlow === 'close') cut();
      return;
    }
    const line = heavy ? (event.heavyLine?.() ?? event.line) : event.line;
    const frame = `event: ${event.type}\r\ndata: ${line}\r\n\r\n`;
    deliver(frame);
    if (faults.has('duplicate-events')) deliver(frame);
  };

  // An empty line in two segments, a whole interval after the last one, whatever events come between.
  const beat = setInterval(() => {
    if (over || silent()) return;
    if (faults.has('buffer-events')) {
      buffer('\r\n');
      return;
    }
    response.write('\r', () => {
      if (!over) response.write('\n');
    });
  }, context.heartbeatMs);
  request.socket.setNoDelay(true);
  response.on('error', () => response.destroy());
  response.on('close', () => {
    over = true;
    clearInterval(beat);
    clearTimeout(flushing);
    context.closed();
  });
  return { hear, end, cut, remoteAddress: request.socket.remoteAddress ?? '' };
}
