import { connect } from 'node:net';

/** Sends commands to HAProxy's runtime socket by hand and gives the reply. */
export function ask(path: string, commands: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(path);
    socket.setTimeout(10_000, () => socket.destroy(new Error('no reply within 10 s')));
    socket.on('connect', () => socket.write(`${commands}\n`));
    socket.on('data', (piece) => {
      reply += piece.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });
}

/** A server as `show servers state` has it. */
export interface SeenServer {
  readonly backend: string;
  readonly name: string;
  readonly address: string;
  /** Of new requests: it gets none. */
  readonly out: boolean;
}

/** Servers of one backend, or of all. */
export async function seenServers(path: string, backend = ''): Promise<readonly SeenServer[]> {
  const reply = await ask(path, `show servers state ${backend}`);
  return reply.split('\n').flatMap((line) => {
    const [, name = '', , server = '', address = '', , admin = '0'] = line.split(' ');
    return /^\d+ /.test(line) && line.split(' ').length > 10
      ? [{ backend: name, name: server, address, out: (Number(admin) & 0x3f) !== 0 }]
      : [];
  });
}

/** The backend that has servers at all of these addresses: among 30,000 tasks, some of different apps share theirs. */
export function backendAt(servers: readonly SeenServer[], addresses: readonly string[]): string | undefined {
  const missing = new Map<string, Set<string>>();
  for (const { backend, address } of servers) {
    if (!addresses.includes(address)) continue;
    const left = missing.get(backend) ?? new Set(addresses);
    left.delete(address);
    if (left.size === 0) return backend;
    missing.set(backend, left);
  }
  return undefined;
}

/** The running map that has the key, and what it says. */
export async function findRow(path: string, key: string): Promise<{ readonly map: string; readonly value: string }> {
  const maps = (await ask(path, 'show map')).split('\n').flatMap((line) => /^(\d+) /.exec(line)?.[1] ?? []);
  for (const map of maps) {
    const value = /value="([^"]*)"/.exec(await ask(path, `get map #${map} ${key}`))?.[1];
    if (value !== undefined) return { map: `#${map}`, value };
  }
  throw new Error(`no map has ${key}`);
}
