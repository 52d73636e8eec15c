import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, SourceFailure } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { type AgentPool, createAgentPool } from './agents.ts';
import { type Alarms, createAlarms } from './alarms.ts';
import type { BodyReader, ReadBody } from './body-reader.ts';
import { type Credentials, type IdentitySettings, readCredentials } from './credentials.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { askMasters, NOT_NEEDED, OVERTAKEN } from './failover.ts';
import { classifyError, isStaleConnection, type RequestFailure } from './fetch-failures.ts';
import { followRedirect, type Master, type Masters } from './masters.ts';
import { createPatience } from './patience.ts';
import { LARGEST_BODY, readBody } from './read-body.ts';
import { isRedirect, type Response, singleHeader } from './response.ts';
import type { MarathonTimings } from './timings.ts';

/** What a request is for. */
type Operation = 'app' | 'apps' | 'versions' | 'leader' | 'deployments';

/** Reads from Marathon, whichever master answers. */
export interface MarathonHttp {
  /** `read` makes a reader for each answer: several masters may be asked at the same time. */
  get<T>(op: Operation, path: string, read: ReadBody<T>, signal: AbortSignal): Promise<Result<T, SourceFailure>>;
  /** The same from this master alone. */
  from<T>(
    master: Master,
    op: Operation,
    path: string,
    read: ReadBody<T>,
    signal: AbortSignal,
  ): Promise<Result<T, SourceFailure>>;
  close(): Promise<void>;
}

/** What the client touches. `largestBody` in bytes. */
export interface MarathonHttpParts {
  readonly masters: Masters;
  readonly settings: IdentitySettings;
  readonly clock: Clock;
  readonly emit: (body: DaemonEventBody) => void;
  readonly timings: MarathonTimings;
  readonly largestBody?: number;
}

/** Makes the client. Every request to every master is emitted with its outcome. */
export function createMarathonHttp(parts: MarathonHttpParts): MarathonHttp {
  const { masters, clock, emit, timings } = parts;
  const pool = createAgentPool(timings.connect);
  const patience = createPatience(timings);
  const alarms = createAlarms(clock);

  async function ask<T>(
    op: Operation,
    path: string,
    read: ReadBody<T>,
    master: Master,
    signal: AbortSignal,
    alive: () => void,
  ) {
    const key = `${op} ${master.endpoint}`;
    const startedAt = clock.now();
    const allowed = patience.of(key);
    const answered = (ms: number) => {
      patience.answered(key, ms);
      alive();
    };
    const exchange = await talk(parts, pool, alarms, master, op, path, read, signal, allowed, { answered, alive });
    const judged = exchange.ok ? exchange.value.said : exchange;
    const overtaken = signal.aborted && signal.reason === OVERTAKEN;
    const kind = judged.ok ? 'ok' : overtaken ? 'timeout' : judged.failure.kind;
    const leader = exchange.ok ? exchange.value.leader : undefined;
    if (kind === 'timeout' && !overtaken) patience.ranOut(key);
    if (judged.ok) masters.worked(master, leader);
    else if (kind !== 'aborted') masters.failed(master);
    if (!(signal.aborted && signal.reason === NOT_NEEDED)) {
      const ms = clock.now() - startedAt;
      emit({
        type: 'marathon-request',
        endpoint: master.endpoint,
        op,
        outcome: kind,
        ms,
        ...(leader === undefined ? {} : { leader }),
      });
    }
    return judged.ok ? judged : fail({ ...judged.failure, endpoint: master.endpoint });
  }

  return {
    get: (op, path, read, signal) =>
      askMasters(
        masters.order(),
        (master, cut, alive) => ask(op, path, read, master, cut, alive),
        (master) => patience.of(`${op} ${master.endpoint}`).hedge,
        clock,
        alarms,
        signal,
      ),
    from: (master, op, path, read, signal) => ask(op, path, read, master, signal, () => undefined),
    close() {
      alarms.close();
      return pool.close();
    },
  };
}

/** Who asks, and how the answer may be packed. */
type Asker = Credentials & { readonly encoding: 'gzip' | 'identity' };

interface Answer<T> {
  /** What it means, by its reader. */
  readonly said: Result<T, RequestFailure>;
  readonly leader: string | undefined;
}

interface Signs {
  /** The head came, `ms` after the request went out. */
  readonly answered: (ms: number) => void;
  /** Something came. */
  readonly alive: () => void;
}

/** One exchange with one master, from reading the credentials to the last byte, within the time allowed. */
async function talk<T>(
  parts: MarathonHttpParts,
  pool: AgentPool,
  alarms: Alarms,
  master: Master,
  op: Operation,
  path: string,
  read: ReadBody<T>,
  signal: AbortSignal,
  allowed: { readonly headers: number; readonly body: number },
  signs: Signs,
): Promise<Result<Answer<T>, RequestFailure>> {
  const credentials = await readCredentials(parts.settings);
  if (!credentials.ok) return fail({ kind: 'unauthorized', detail: credentials.failure });
  // A single app is a few kilobytes: unpacking it would take longer than sending it as it is.
  const encoding = op === 'app' ? 'identity' : 'gzip';
  const startedAt = parts.clock.now();
  const deadline = startDeadline(alarms, allowed.headers, signal, allowed.headers + 4 * allowed.body);
  const failed = (failure: RequestFailure, late: string): Result<never, RequestFailure> => {
    if (deadline.expired()) return fail({ kind: 'timeout', detail: late });
    return fail(signal.aborted ? { kind: 'aborted', detail: 'stopped' } : failure);
  };
  try {
    const opened = await open(parts, pool, { ...credentials.value, encoding }, master, path, deadline.signal);
    if (!opened.ok) return opened;
    const { statusCode: status, headers } = opened.value;
    signs.answered(parts.clock.now() - startedAt);
    const reader = read(status);
    const came = await readTimed(opened.value, reader.write, deadline, allowed.body, signs.alive, parts.largestBody);
    if (!came.ok) return failed(came.failure, 'the body stopped coming');
    return ok({ said: await reader.end(), leader: singleHeader(headers['x-marathon-leader']) });
  } catch (error) {
    return failed(classifyError(error, 'head'), `no answer within ${allowed.headers} ms`);
  } finally {
    deadline.stop();
  }
}

/** Sends the request, and once more where a master sends us on to another configured one. Throws what undici throws. */
async function open(
  { masters, emit }: MarathonHttpParts,
  pool: AgentPool,
  asker: Asker,
  master: Master,
  path: string,
  signal: AbortSignal,
): Promise<Result<Response, RequestFailure>> {
  const { origin } = master;
  const whole = `${master.prefix}${path}`;
  const response = await send(pool, asker, { origin, path: whole }, signal);
  if (!isRedirect(response)) return ok(response);
  await response.body.dump();
  const hop = followRedirect(masters, `${origin}${whole}`, singleHeader(response.headers['location']));
  if (!hop.follow) {
    emit({ type: 'redirect-refused', endpoint: master.endpoint, target: hop.target });
    return fail({ kind: 'redirect-refused', detail: `sent on to ${hop.target}, which is not configured` });
  }
  const { origin: next, pathname, search } = new URL(hop.url);
  const second = await send(pool, asker, { origin: next, path: `${pathname}${search}` }, signal);
  if (!isRedirect(second)) return ok(second);
  await second.body.dump();
  return fail({ kind: 'redirect-refused', detail: 'sent on a second time' });
}

/** The body, with the deadline moved on by every piece. */
async function readTimed(
  response: Response,
  write: BodyReader<unknown>['write'],
  gap: Deadline,
  gapMs: number,
  alive: () => void,
  largest = LARGEST_BODY,
) {
  gap.extend(gapMs);
  const encoding = singleHeader(response.headers['content-encoding']);
  return readBody(
    response.body,
    encoding,
    write,
    () => {
      gap.extend(gapMs);
      alive();
    },
    largest,
  );
}

async function send(
  pool: AgentPool,
  { authorization, tls, encoding }: Asker,
  place: { readonly origin: string; readonly path: string },
  signal: AbortSignal,
) {
  const once = () =>
    pool.agent(tls).request({
      ...place,
      method: 'GET',
      signal,
      headers: {
        accept: 'application/json',
        'accept-encoding': encoding,
        'user-agent': 'portolan',
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
  try {
    return await once();
  } catch (error) {
    if (signal.aborted || !isStaleConnection(error)) throw error;
    return once();
  }
}
