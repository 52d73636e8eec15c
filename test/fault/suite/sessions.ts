import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { get, until } from '../../support/portolan-process.ts';
import type { Stage } from './scenario.ts';

/** A connection that stays, and is used from time to time. */
export interface Session {
  /** What the task answers to it. Rejects where the session was cut. */
  says(text: string): Promise<string>;
  /** Somebody else ended it. */
  isCut(): boolean;
  close(): void;
}

/** The service port that the cluster gave an app's first port. */
export async function servicePortOf({ marathon }: Stage, id: string): Promise<number> {
  const shown = await Promise.any(
    marathon.urls.map(async (url) => {
      const { status, text } = await get(Number(new URL(url).port), `/v2/apps${id}`);
      const port = Number(/"servicePort":(\d+)/.exec(text)?.[1]);
      if (status !== 200 || !(port > 0)) throw new Error(`${url} answers ${status}`);
      return port;
    }),
  );
  return shown;
}

/** Keeps what comes, and takes lines of it. */
function linesOf(socket: Duplex, head: Buffer = Buffer.alloc(0)) {
  let bytes = head;
  let [closed, leaving] = [false, false];
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  /** Waits until `take` finds something in what came, and how long it is. */
  const next = async (take: (bytes: Buffer) => readonly [string, number] | undefined): Promise<string> => {
    const found = await until('an answer comes', () => take(bytes) ?? (closed ? ([] as const) : undefined), 10_000);
    const [text, length] = found;
    if (text === undefined || length === undefined) throw new Error('the session was cut');
    bytes = bytes.subarray(length);
    return text;
  };
  return {
    next,
    isCut: () => closed && !leaving,
    close: () => {
      leaving = true;
      socket.destroy();
    },
  };
}

/** A session with a TCP service, which greets with a line and sends lines back. */
export async function openSession(port: number): Promise<Session> {
  const socket = connect({ host: '127.0.0.1', port });
  const { next, isCut, close } = linesOf(socket);
  const line = () =>
    next((bytes) => {
      const end = bytes.indexOf('\n');
      return end < 0 ? undefined : [bytes.toString('utf8', 0, end), end + 1];
    });
  await line();
  return {
    isCut,
    close,
    says: (text) => {
      socket.write(`${text}\n`);
      return line();
    },
  };
}

/** A WebSocket to a vhost, as RFC 6455 has it, with short messages. */
export async function openWebSocket(port: number, host: string): Promise<Session> {
  const { socket, head } = await new Promise<{ socket: Duplex; head: Buffer }>((opened, failed) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      headers: {
        host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    asked.on('upgrade', (_answer, socket: Duplex, head: Buffer) => opened({ socket, head }));
    asked.on('response', ({ statusCode }) => failed(new Error(`no WebSocket, but status ${statusCode}`)));
    asked.on('error', failed);
    asked.end();
  });
  const { next, isCut, close } = linesOf(socket, head);
  return {
    isCut,
    close,
    says: (text) => {
      const mask = randomBytes(4);
      const payload = Buffer.from(text).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload]));
      return next((bytes) => {
        const size = bytes.length < 2 ? undefined : bytes.readUInt8(1);
        return size === undefined || bytes.length < 2 + size
          ? undefined
          : [bytes.toString('utf8', 2, 2 + size), 2 + size];
      });
    },
  };
}
