import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';

/** What an echo server saw, as it tells its client. */
export interface Seen {
  /** Name of the server that answered. */
  readonly by: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A real server on a port of its own. */
export interface EchoServer {
  readonly port: number;
  /** What it was asked so far, oldest first. */
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/**
 * An HTTP server on 127.0.0.1 that answers with what it saw. `?status=` and `?location=` in the path choose the answer;
 * `answer` overrides it.
 */
export async function startHttpEcho(
  name: string,
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<EchoServer> {
  const seen: Seen[] = [];
  const server: Server = createHttpServer((request, response) => {
    const one = { by: name, method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    seen.push(one);
    if (answer(request, response)) return;
    const query = new URL(one.url, 'http://localhost').searchParams;
    const location = query.get('location');
    response.writeHead(Number(query.get('status') ?? 200), location === null ? {} : { location });
    response.end(JSON.stringify(one));
  });
  await listening(server);
  return {
    port: portOf(server),
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A TCP server on 127.0.0.1 that sends back its name and whatever it gets; or, `mute`, hangs up on everything. */
export async function startTcpEcho(name: string, mute = false): Promise<EchoServer> {
  const open = new Set<{ destroy(): void }>();
  const server: TcpServer = createTcpServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    if (mute) socket.once('data', () => socket.destroy());
    else socket.on('data', (data) => socket.write(`${name}:${data}`));
  });
  await listening(server);
  return {
    port: portOf(server),
    seen: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function listening(server: Server | TcpServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

function portOf(server: Server | TcpServer): number {
  return (server.address() as AddressInfo).port;
}
