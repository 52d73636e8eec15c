import { connect } from 'node:net';

/** What one request on a new connection got; status 0: nothing. */
export interface Got {
  readonly status: number;
  /** The address of the server that answered, as it says itself. */
  readonly server: string;
}

/** One GET on a connection of its own. As little code as possible: it is part of what is measured. */
export function fetchOnce(port: number, host: string, address = '127.0.0.1'): Promise<Got> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: address, port, noDelay: true });
    const end = () => {
      const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ status, server: /^x-server: *(.*)\r$/im.exec(text)?.[1] ?? '' });
    };
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on('connect', () => socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', end);
  });
}

/** Asks again and again until an answer is as wanted. Gives the milliseconds since `since`; NaN after `limitMs`. */
export async function untilAnswered(
  port: number,
  host: string,
  wanted: (got: Got) => boolean,
  since: number,
  limitMs = 60_000,
): Promise<number> {
  for (;;) {
    if (wanted(await fetchOnce(port, host))) return performance.now() - since;
    const waited = performance.now() - since;
    if (waited > limitMs) return Number.NaN;
    // Close to what matters every fraction of a millisecond; a reload is waited for with less noise.
    if (waited > 100) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
