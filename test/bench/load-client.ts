// The load of the bench, in a process of its own: started by load.ts with a file that has a Load in it, ends with a LoadResult on
// stdout. Raw sockets, as an HTTP client would cost more than what it measures.
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Load, LoadResult, Target } from './load.ts';

const load = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Load;
const failures = new Map<string, number>();
const latencies: number[] = [];
let ok = 0;
let retried = 0;
let failed = 0;

interface Connection {
  socket: Socket;
  used: number;
  text: string;
  target: Target;
  /** Ends the request under way: its status, or why there is none. */
  done: ((outcome: number | string) => void) | undefined;
}

function open(target: Target): Connection {
  const connection: Connection = {
    socket: connect({ host: target.address, port: target.port, noDelay: true }),
    used: 0,
    text: '',
    target,
    done: undefined,
  };
  const finish = (outcome: number | string) => {
    const { done } = connection;
    connection.done = undefined;
    connection.text = '';
    done?.(outcome);
  };
  connection.socket.on('data', (piece) => {
    connection.text += piece.toString('latin1');
    const head = connection.text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /\ncontent-length: *(\d+)/i.exec(connection.text)?.[1];
    const chunked = /\ntransfer-encoding: *chunked/i.test(connection.text);
    if (
      length === undefined
        ? !chunked || !connection.text.endsWith('0\r\n\r\n')
        : connection.text.length < head + 4 + Number(length)
    )
      return;
    const status = Number(connection.text.slice(9, 12));
    if (/\nconnection: *close/i.test(connection.text.slice(0, head))) connection.socket.destroy();
    finish(status);
  });
  connection.socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  connection.socket.on('close', () => finish(connection.text === '' ? 'closed' : 'cut'));
  connection.socket.setTimeout(10_000, () => connection.socket.destroy(new Error('no answer in 10 s')));
  return connection;
}

function request(connection: Connection, host: string): Promise<number | string> {
  connection.used += 1;
  return new Promise((resolve) => {
    connection.done = resolve;
    connection.socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}

/** One request, counted. A kept connection that the server closed meanwhile is no failure, but asked again, as browsers do. */
async function ask(connection: Connection): Promise<void> {
  const began = performance.now();
  const kept = connection.used > 0;
  let outcome = await request(connection, connection.target.host);
  if (kept && (outcome === 'closed' || outcome === 'ECONNRESET' || outcome === 'EPIPE')) {
    retried += 1;
    const fresh = open(connection.target);
    outcome = await request(fresh, connection.target.host);
    fresh.socket.destroy();
    connection.socket.destroy();
  }
  if (outcome === 200) {
    ok += 1;
    if (latencies.length < 1_000_000) latencies.push(performance.now() - began);
    return;
  }
  failed += 1;
  const why = `${outcome}${kept ? ' on a kept connection' : ''}`;
  failures.set(why, (failures.get(why) ?? 0) + 1);
  connection.socket.destroy();
}

let turn = 0;
const nextTarget = (): Target => {
  const target = load.targets[turn++ % load.targets.length];
  if (target === undefined) throw new Error('no targets');
  return target;
};

/** Closed loop: each connection asks again at once, and goes to the next target after `perConnection` requests. */
async function closedLoop(connections: number, perConnection: number): Promise<void> {
  const end = performance.now() + load.ms;
  const lane = async () => {
    while (performance.now() < end) {
      let connection = open(nextTarget());
      for (let n = 0; n < perConnection && performance.now() < end; n += 1) {
        if (connection.socket.destroyed) connection = open(connection.target);
        await ask(connection);
      }
      connection.socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
}

/** Requests at their times, answered or not, by turns on kept and on new connections. */
async function steady(perSecond: number): Promise<void> {
  const idle: Connection[] = [];
  const waiting = new Set<Promise<void>>();
  const one = async (keep: boolean) => {
    const target = nextTarget();
    const at = idle.findIndex((each) => !each.socket.destroyed);
    const found = keep && at >= 0 ? idle.splice(at, 1)[0] : undefined;
    const connection = found ?? open(target);
    connection.target = target;
    await ask(connection);
    if (keep && !connection.socket.destroyed) idle.push(connection);
    else connection.socket.destroy();
  };
  const began = performance.now();
  for (let sent = 0; performance.now() - began < load.ms; ) {
    for (const due = ((performance.now() - began) / 1_000) * perSecond; sent < due; sent += 1) {
      const asked: Promise<void> = one(sent % 2 === 0).finally(() => waiting.delete(asked));
      waiting.add(asked);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(waiting);
  for (const { socket } of idle) socket.destroy();
}

const began = performance.now();
if (load.shape.kind === 'closed') await closedLoop(load.shape.connections, load.shape.perConnection);
else await steady(load.shape.perSecond);
latencies.sort((a, b) => a - b);
const at = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? Number.NaN;
const result: LoadResult = {
  ok,
  failed,
  retried,
  seconds: (performance.now() - began) / 1_000,
  p50: at(0.5),
  p99: at(0.99),
  failures: Object.fromEntries(failures),
};
process.stdout.write(JSON.stringify(result));
process.exit(0);
