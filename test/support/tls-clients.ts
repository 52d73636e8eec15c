import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** A TLS client that is connected. */
export interface TlsClient {
  /** SHA-1 fingerprint, upper-case hex without colons, of the certificate that it was shown. */
  readonly fingerprint: string;
  /** Sends a request on this connection and gives the first line of the answer. */
  get(host: string): Promise<string>;
  close(): void;
}

/** Connects to 127.0.0.1 and asks for a name; without one, whatever is shown to those that ask for none. */
export async function tlsClient(port: number, servername = ''): Promise<TlsClient> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.setEncoding('utf8');
  return {
    fingerprint: socket.getPeerX509Certificate()?.fingerprint.replaceAll(':', '') ?? 'none',
    async get(host) {
      const answer = once(socket, 'data');
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return String((await answer)[0]).split('\r\n', 1)[0] ?? '';
    },
    close: () => socket.destroy(),
  };
}

/** The fingerprint of the certificate that a name is shown. */
export async function shownTo(port: number, servername?: string): Promise<string> {
  const client = await tlsClient(port, servername);
  client.close();
  return client.fingerprint;
}
