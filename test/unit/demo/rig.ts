import { connect, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import type { Json } from '../../../src/demo/json.ts';
import { createMarathon } from '../../../src/demo/marathon.ts';
import type { MarathonOverrides } from '../../../src/demo/options.ts';
import type { StandInMarathon } from '../../../src/demo/stand-in.ts';

const running: { stop(): Promise<void> }[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** A stand-in in which a Marathon second lasts 20 ms; stopped after the test. */
export async function marathonOf(overrides: MarathonOverrides = {}): Promise<StandInMarathon> {
  const marathon = await createMarathon({ secondMs: 20, ...overrides });
  running.push(marathon);
  return marathon;
}

/** Stops something after the test. */
export function stopLater(one: { stop(): Promise<void> }): void {
  running.push(one);
}

/** A health check that is quick at 20 ms per second. */
export const CHECK: Json = { protocol: 'HTTP', path: '/health', intervalSeconds: 1, timeoutSeconds: 50 };

/** One HTTP request with JSON in and out. */
export async function call(
  url: string,
  method = 'GET',
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly json: Json; readonly text: string }> {
  const answer = await fetch(url, {
    method,
    redirect: 'manual',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: parsed(text), text };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}

/** A raw connection that remembers every byte. */
export interface Wire {
  readonly socket: Socket;
  /** Everything received so far. */
  text(): string;
  /** Every piece as it came. */
  pieces(): readonly string[];
  ended(): boolean;
  /** Resolves when the condition on what was received holds, or the connection ended. */
  until(holds: (text: string) => boolean): Promise<string>;
  closed(): Promise<string>;
}

/** Sends a request line with headers to a URL's host and shows the bytes that come back. */
export function wire(url: string, request: string, headers: readonly string[] = []): Wire {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.add(socket);
  const pieces: string[] = [];
  let ended = false;
  let looks: (() => void)[] = [];
  const look = (): void => {
    for (const one of looks) one();
  };
  socket.setNoDelay(true);
  socket.on('data', (data) => {
    pieces.push(data.toString());
    look();
  });
  socket.on('error', () => socket.destroy());
  for (const event of ['end', 'close'])
    socket.on(event, () => {
      ended = true;
      look();
    });
  if (request !== '') socket.write(`${[`${request} HTTP/1.1`, 'Host: marathon', ...headers].join('\r\n')}\r\n\r\n`);
  const text = (): string => pieces.join('');
  const until = (holds: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!holds(text()) && !ended) return;
        looks = looks.filter((one) => one !== check);
        resolve(text());
      };
      looks.push(check);
      check();
    });
  return {
    socket,
    text,
    pieces: () => pieces,
    ended: () => ended,
    until,
    closed: () => until(() => false),
  };
}

/** An open event stream, seen raw. Resolves when it is attached. */
export async function eventStream(url: string, query = '', accept = 'text/event-stream'): Promise<Wire> {
  const stream = wire(url, `GET ${new URL(url).pathname.replace(/\/$/, '')}/v2/events${query}`, [`Accept: ${accept}`]);
  await stream.until((text) => text.includes('event_stream_attached'));
  return stream;
}

/** The events of a stream's text as `type detail`, its own bookkeeping left out. */
export function told(text: string): readonly string[] {
  return [...text.matchAll(/^data: (.*)\r$/gm)].flatMap(([, line]) => {
    const event = JSON.parse(line ?? '{}') as Json;
    const type = String(event['eventType']);
    if (type.startsWith('event_stream_')) return [];
    const action = ((event['currentStep'] as Json | undefined)?.['actions'] as Json[] | undefined)?.[0]?.['action'];
    const detail = event['taskStatus'] ?? event['condition'] ?? event['alive'] ?? event['healthy'] ?? action;
    return [detail === undefined ? type : `${type} ${String(detail)}`];
  });
}
