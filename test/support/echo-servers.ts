import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { Backend } from '../../src/core/routing.ts';
import { backend, server } from './tables.ts';

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
 * An HTTP server on 127.0.0.1 that answers with what it saw. `?status=` and `?location=` in the path choose the answer.
 */
export async function startHttpEcho(name: string): Promise<EchoServer> {
  const seen: Seen[] = [];
  const listener: Server = createHttpServer((request, response) => {
    const one = { by: name, method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    seen.push(one);
    const query = new URL(one.url, 'http://localhost').searchParams;
    const location = query.get('location');
    response.writeHead(Number(query.get('status') ?? 200), location === null ? {} : { location });
    response.end(JSON.stringify(one));
  });
  await listening(listener);
  return {
    port: portOf(listener),
    seen,
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}

/** A TCP server on 127.0.0.1 that sends back its name and whatever it gets; or, `mute`, hangs up on everything. */
export async function startTcpEcho(name: string, mute = false): Promise<EchoServer> {
  const open = new Set<{ destroy(): void }>();
  const listener: TcpServer = createTcpServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    if (mute) socket.once('data', () => socket.destroy());
    else socket.on('data', (data) => socket.write(`${name}:${data}`));
  });
  await listening(listener);
  return {
    port: portOf(listener),
    seen: [],
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
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

/** The echo servers of a test file, by name. */
export interface Echoes {
  /** Starts one and gives its port. */
  start(name: string, make?: (name: string) => Promise<EchoServer>): Promise<number>;
  /** A backend whose only server is a new HTTP echo of the same name. */
  alone(name: string, over?: Partial<Backend>): Promise<Backend>;
  named(name: string): EchoServer;
  closeAll(): Promise<void>;
}

/** No servers yet. */
export function createEchoes(): Echoes {
  const servers = new Map<string, EchoServer>();
  const start: Echoes['start'] = async (name, make = startHttpEcho) => {
    const started = await make(name);
    servers.set(name, started);
    return started.port;
  };
  return {
    start,
    alone: async (name, over = {}) => backend(name, { servers: [server(await start(name))], ...over }),
    named: (name) => {
      const found = servers.get(name);
      if (found === undefined) throw new Error(`no echo server ${name}`);
      return found;
    },
    closeAll: async () => {
      await Promise.all([...servers.values()].map((one) => one.close()));
    },
  };
}
