import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import type { RenderedConfig } from '../../src/core/config.ts';

/** A configuration with further sections behind it. */
export function withSections(config: RenderedConfig, ...lines: readonly string[]): RenderedConfig {
  const text = `${config.files.get('haproxy.cfg') ?? ''}${lines.join('\n')}\n`;
  return {
    ...config,
    files: new Map(config.files).set('haproxy.cfg', text),
    digest: `${config.digest}+${lines.length}`,
  };
}

/** A server whose answers to `/wait` come when they are released, and which echoes what is said after an upgrade. */
export interface PatientServer {
  readonly port: number;
  /** Requests and upgraded connections that are under way. */
  busy(): number;
  release(): void;
  close(): Promise<void>;
}

/** Starts one on 127.0.0.1. */
export async function startPatientServer(): Promise<PatientServer> {
  const waiting = new Set<() => void>();
  const upgraded = new Set<Socket>();
  const server = createServer((request, response) => {
    if (request.url === '/wait') waiting.add(() => response.end('patience'));
    else response.end('at once');
  });
  server.on('upgrade', (_request, socket: Socket) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    socket.on('error', () => {});
    const answer = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Accept: ${ACCEPT}`,
    ];
    socket.write(`${answer.join('\r\n')}\r\n\r\n`);
    socket.on('data', (chunk) => socket.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    busy: () => waiting.size + upgraded.size,
    release: () => {
      for (const answer of waiting) answer();
      waiting.clear();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of upgraded) socket.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** HAProxy answers 400 to an upgrade without a key, and 502 to an answer that does not fit to it. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** An upgraded connection through a proxy. */
export interface Upgraded {
  /** Says something and gives what comes back. */
  echo(text: string): Promise<string>;
  close(): void;
}

/** Upgrades a connection to 127.0.0.1. */
export async function upgrade(port: number, host: string): Promise<Upgraded> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  const next = (): Promise<string> =>
    new Promise((resolve, reject) => {
      socket.once('data', (chunk: string) => resolve(chunk));
      socket.once('close', () => reject(new Error('closed')));
    });
  const asked = [
    'GET /echo HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${KEY}`,
  ];
  socket.write(`${asked.join('\r\n')}\r\n\r\n`);
  const head = await next();
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(`not upgraded: ${head}`);
  return {
    echo: (text) => {
      const answer = next();
      socket.write(text);
      return answer;
    },
    close: () => socket.destroy(),
  };
}
