import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** What RFC 6455 has both sides append to the client's key. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const [CLOSE, PING, PONG] = [8, 9, 10];
/** Longer messages than a demo needs; whoever sends them is cut. */
const LONGEST = 65_535;
/** Status of a close frame: the task goes away. */
const GOING_AWAY = Buffer.from([0x03, 0xe9]);

/** The WebSockets of a task's HTTP port: each message comes back as it was. */
export interface Upgrades {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Says goodbye on all of them. */
  leave(): void;
  cut(): void;
}

/** Nobody is connected yet. `task` is told in the answer's head. */
export function createUpgrades(task: string): Upgrades {
  const open = new Set<Duplex>();
  return {
    accept(request, socket, head) {
      const key = request.headers['sec-websocket-key'];
      socket.on('error', () => socket.destroy());
      if (key === undefined) {
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const answer = createHash('sha1').update(`${key}${GUID}`).digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\nX-Task-Id: ${task}\r\n\r\n`,
      );
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      let rest: Buffer = head;
      const read = (): void => {
        for (let frame = readFrame(rest); frame !== undefined; frame = readFrame(rest)) {
          if (frame === 'too-long') {
            socket.destroy();
            return;
          }
          rest = rest.subarray(frame.length);
          if (frame.kind === CLOSE) socket.end(frameOf(CLOSE, frame.payload));
          else socket.write(frameOf(frame.kind === PING ? PONG : frame.kind, frame.payload));
        }
      };
      socket.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        read();
      });
      read();
    },
    leave() {
      for (const socket of open) socket.end(frameOf(CLOSE, GOING_AWAY));
    },
    cut() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** The first frame of what a client has sent, unmasked; undefined while it is not there as a whole. */
function readFrame(
  bytes: Buffer,
): { readonly kind: number; readonly payload: Buffer; readonly length: number } | 'too-long' | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  if (short === 127) return 'too-long';
  if (short === 126 && bytes.length < 4) return undefined;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  const from = (short === 126 ? 4 : 2) + 4;
  if (bytes.length < from + size) return undefined;
  const mask = bytes.subarray(from - 4, from);
  const payload = Buffer.from(bytes.subarray(from, from + size).map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  return { kind: bytes.readUInt8(0) & 0x0f, payload, length: from + size };
}

/** One frame of a server, which never masks. */
function frameOf(kind: number, payload: Buffer): Buffer {
  const size = Math.min(payload.length, LONGEST);
  const head = size < 126 ? Buffer.from([0x80 | kind, size]) : Buffer.from([0x80 | kind, 126, size >> 8, size & 0xff]);
  return Buffer.concat([head, payload.subarray(0, size)]);
}
