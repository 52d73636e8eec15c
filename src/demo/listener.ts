import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { MarathonOptions, PortBand } from './options.ts';
import type { Random } from './random.ts';

/** An HTTP listener that can be closed, all connections cut, and opened again on the same port. */
export interface Listener {
  readonly port: number;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** How long a port that somebody else took meanwhile is asked for. */
const REOPEN_TRIES = 200;
const REOPEN_PAUSE_MS = 25;
/** Jetty closes idle connections after this time. */
const IDLE_MS = 30_000;

/** A listener on `port`; nothing is open yet. */
export function createListener(
  address: string,
  port: number,
  tls: MarathonOptions['tls'],
  serve: RequestListener,
): Listener {
  const sockets = new Set<Socket>();
  let server: ReturnType<typeof createHttp> | undefined;
  const make = (): ReturnType<typeof createHttp> => {
    const made =
      tls === undefined
        ? createHttp(serve)
        : createHttps({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined }, serve);
    made.keepAliveTimeout = IDLE_MS;
    made.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    made.on('clientError', (_error, socket) => socket.destroy());
    return made;
  };
  return {
    port,
    open: async () => {
      for (let tries = 1; server === undefined; tries++) {
        const made = make();
        const error = await listen(made, address, port);
        if (error === undefined) server = made;
        else if (error.code !== 'EADDRINUSE' || tries >= REOPEN_TRIES) throw error;
        else await pause(REOPEN_PAUSE_MS);
      }
    },
    close: async () => {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      const closed = new Promise((resolve) => closing.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listen(
  server: ReturnType<typeof createHttp>,
  host: string,
  port: number,
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen({ host, port, backlog: 511 }, () => {
      server.removeListener('error', resolve);
      resolve(undefined);
    });
  });
}

/** Whether nobody listens there: a port of another process must not be given away. */
export function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createTcp();
    probe.once('error', () => resolve(false));
    probe.listen({ host: address, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** A free port of a band that the kernel gives to no outgoing connection, so that it can be had again later. */
export async function choosePort(address: string, band: PortBand, random: Random): Promise<number> {
  const size = band.to - band.from + 1;
  const start = random.below(size);
  for (let i = 0; i < size; i++) {
    const port = band.from + ((start + i) % size);
    if (await isFree(address, port)) return port;
  }
  throw new Error(`no free port on ${address} between ${band.from} and ${band.to}`);
}
