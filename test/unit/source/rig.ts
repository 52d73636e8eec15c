import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { ChangeHint, Clock } from '../../../src/core/ports.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { createMarathonSource } from '../../../src/source/marathon.ts';
import type { NameResolver } from '../../../src/source/names.ts';
import { MARATHON_TIMINGS, type MarathonTimings } from '../../../src/source/timings.ts';

/** Production's times, scaled down so that a test waits for tenths of seconds. */
const FAST: MarathonTimings = {
  ...MARATHON_TIMINGS,
  connect: 1_000,
  headers: 300,
  body: 300,
  hedge: 150,
  definitions: 400,
  again: 50,
  readinessLeast: 50,
  readinessMost: 200,
  streamOpen: 400,
  streamIdle: 300,
  attachGrace: 150,
  streamLife: 60_000,
  earlyWord: 100,
  lateWord: 100,
  wary: 1_000,
  streamStable: 500,
  backoffLeast: 20,
  backoffMost: 100,
  byteReport: 50,
  firstRead: 200,
};

/** The wall clock. */
export const clock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
};

/** A signal that nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** Waits until something is so, or fails after three seconds. */
export async function until(what: () => boolean, why = 'the condition'): Promise<void> {
  const end = Date.now() + 3_000;
  while (!what()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${why}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Keeps what was emitted. */
export function collector() {
  const events: DaemonEventBody[] = [];
  return {
    events,
    emit: (body: DaemonEventBody) => void events.push(body),
    of: <T extends DaemonEventBody['type']>(type: T) =>
      events.filter((event): event is Extract<DaemonEventBody, { type: T }> => event.type === type),
  };
}

/** A request that the fake Marathon saw. */
interface Seen {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** A fake Marathon on a port of its own. */
export interface Fake {
  readonly url: string;
  readonly seen: Seen[];
  /** What the next requests get. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Ends the server and all connections; its port refuses from then on. */
  stop(): Promise<void>;
}

/** Starts a fake Marathon; it ends with the test. */
export async function startFake(answer: Fake['answer'], tls?: ServerOptions): Promise<Fake> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    fake.seen.push({ url: request.url ?? '', headers: request.headers });
    fake.answer(request, response);
  };
  const server: Server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const fake: Fake = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen: [],
    answer,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  onTestFinished(() => fake.stop());
  return fake;
}

/** Answers with JSON. */
export const json =
  (value: unknown, headers: Record<string, string> = {}): Fake['answer'] =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };

/** Answers with a status and a text. */
export const text =
  (status: number, body: string, headers: Record<string, string> = {}): Fake['answer'] =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

/** An app with one running task on the host network. */
export function app(id: string, version = '2020-01-01T00:00:00.000Z', host = '10.0.0.1') {
  return {
    id,
    version,
    instances: 1,
    labels: { HAPROXY_GROUP: 'external' },
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 10_000, protocol: 'tcp' }],
    tasks: [{ id: `${id.slice(1)}.1`, appId: id, host, ports: [31_000], state: 'TASK_RUNNING', version }],
    deployments: [],
  };
}

/** Settings for the given masters. */
export function settings(marathon: readonly string[], more: Partial<Settings> = {}): Settings {
  return {
    marathon,
    marathonInsecure: false,
    group: ['*'],
    healthCheck: true,
    strictMode: false,
    sse: true,
    pollInterval: 60_000,
    guardShare: 30,
    guardRoutes: 5,
    guardHold: 60_000,
    guardAnswers: 3,
    httpBind: [],
    httpsBind: [],
    appidBind: [],
    statsBind: [],
    sslCerts: [],
    minServPortIpPerTask: 0,
    maxServPortIpPerTask: 0,
    pathMatch: 'prefix',
    stateDir: '/nonexistent',
    haproxy: 'haproxy',
    haproxyMode: 'managed',
    runtime: true,
    spareHttp: 0,
    spareSticky: 0,
    spareTcp: 0,
    onStop: 'keep',
    keepGenerations: 5,
    hardStopAfter: 1_000,
    maxReloads: 5,
    reloadBudget: 60,
    maxOldWorkers: 10,
    oldWorkersMemory: 2048,
    peer: [],
    adminBind: { address: '127.0.0.1', port: 0 },
    logLevel: 'info',
    ...more,
  };
}

/** Knows no names. */
export const noNames: NameResolver = {
  resolve: async () => undefined,
  address: () => undefined,
  onChange: () => () => undefined,
  run: async () => undefined,
};

/** A source over the given masters, with what it emits. It is closed with the test. */
export function startSource(
  marathon: readonly string[],
  more: Partial<Settings> = {},
  timings: Partial<MarathonTimings> = {},
  names: NameResolver = noNames,
) {
  const collected = collector();
  const source = createMarathonSource({
    settings: settings(marathon, more),
    clock,
    emit: collected.emit,
    names,
    random: () => 0.5,
    timings: { ...FAST, ...timings },
    largestBody: 200_000,
  });
  onTestFinished(() => source.close());
  return { source, ...collected };
}

/** Follows `changes` and keeps the hints; ended with the test. */
export function follow(source: { changes(signal: AbortSignal): AsyncIterable<ChangeHint> }) {
  const hints: ChangeHint[] = [];
  const stop = new AbortController();
  const run = async () => {
    for await (const hint of source.changes(stop.signal)) hints.push(hint);
  };
  const done = run();
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
  return { hints, stop, done };
}
