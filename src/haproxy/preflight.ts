import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { listenersOverlap } from '../core/address.ts';
import type { BindTrial, ForeignListener } from '../core/listener.ts';
import type { Haproxy } from '../core/ports.ts';
import type { BindAddress, Settings } from '../core/settings.ts';
import { createOwnSockets, type OwnSockets } from './own-sockets.ts';
import {
  allSockets,
  listeningSockets,
  ownersOf,
  readEphemeral,
  type SocketOwner,
  type SocketRow,
  sharesNetwork,
} from './proc-net.ts';
import { findByMasterSocket } from './processes.ts';

/** More new addresses than this are only listened on for a trial where the kernel shows something on their port. */
const MOST_TRIALS = 256;
/** Whoever listens beside HAProxy still does so after this time. */
const LOOK_AGAIN_MS = 1_000;

/** Tries addresses before HAProxy does: one that it cannot have makes it pause all others for 2 s (HAProxy 2.6 to 3.2). */
export function createPreflight(
  masterSocket: string,
  mode: Settings['haproxyMode'],
): Pick<Haproxy, 'tryBinds' | 'foreignListeners'> {
  /** An HAProxy that somebody else runs may have a network of its own, about which nothing can be said from here. */
  async function canTell(): Promise<boolean> {
    if (mode === 'managed') return true;
    const [first] = await findByMasterSocket(masterSocket);
    return first !== undefined && (await sharesNetwork(first.pid)) === true;
  }

  async function tryBinds(binds: readonly BindAddress[]): Promise<readonly BindTrial[]> {
    if (binds.length === 0) return [];
    if (!(await canTell())) return binds.map((bind) => ({ bind, outcome: 'untried' }));
    const isEphemeral = await readEphemeral();
    const seen = binds.length > MOST_TRIALS ? new Set((await allSockets()).map(({ port }) => port)) : undefined;
    const evidence = createEvidence(masterSocket);
    const trials: BindTrial[] = [];
    for (const bind of binds) {
      const said = seen?.has(bind.port) === false ? 'free' : await listen(bind);
      const trial = await evidence.judge(bind, said);
      trials.push(trial.outcome === 'free' && isEphemeral(bind.port) ? { bind, outcome: 'ephemeral' } : trial);
    }
    return trials;
  }

  /** Who listens beside HAProxy; what is there at one moment only may be HAProxy itself, on its way out or in. */
  async function foreignListeners(binds: readonly BindAddress[]): Promise<readonly ForeignListener[]> {
    if (binds.length === 0 || !(await canTell())) return [];
    const before = await strangers(binds);
    if (before.length === 0) return [];
    await setTimeout(LOOK_AGAIN_MS);
    const seen = new Set(before.map(({ row }) => row.inode));
    const foreign = (await strangers(binds)).filter(({ row }) => seen.has(row.inode));
    const owners = await ownersOf(new Set(foreign.map(({ row }) => row.inode)));
    return foreign.map(({ bind, row }) => ({ bind, ...owners.get(row.inode) }));
  }

  async function strangers(binds: readonly BindAddress[]) {
    const wanted = Map.groupBy(binds, ({ port }) => port);
    const rows = (await listeningSockets()).flatMap((row) => {
      const bind = wanted.get(row.port)?.find(({ address }) => listenersOverlap(address, row.address));
      return bind === undefined ? [] : [{ bind, row }];
    });
    const own = await createOwnSockets(masterSocket);
    // Without HAProxy nobody is beside it.
    if (own.pids === 0) return [];
    return rows.filter(({ row }) => !own.has(row) && !(own.hidden && own.mayBe(row)));
  }

  return { tryBinds, foreignListeners };
}

/** What the kernel shows about addresses that could not be listened on; read when the first one asks for it. */
function createEvidence(masterSocket: string): {
  judge(bind: BindAddress, said: string): Promise<BindTrial>;
} {
  let shown: Promise<{ rows: readonly SocketRow[]; own: OwnSockets }> | undefined;
  const look = async () => {
    const [rows, own] = await Promise.all([allSockets(), createOwnSockets(masterSocket)]);
    return { rows, own };
  };

  async function judge(bind: BindAddress, said: string): Promise<BindTrial> {
    if (said === 'free') return { bind, outcome: 'free' };
    if (said === 'EADDRNOTAVAIL') return { bind, outcome: 'not-local' };
    // HAProxy may listen below 1024 where Portolan may not: then only what is seen counts.
    if (said !== 'EADDRINUSE' && said !== 'EACCES') return { bind, outcome: 'untried' };
    shown ??= look();
    const { rows, own } = await shown;
    const there = rows.filter((row) => row.port === bind.port && stands(row, bind));
    const listeners = there.filter(({ listens }) => listens);
    if (listeners.length === 0 && said === 'EACCES') return { bind, outcome: 'free' };
    if (listeners.some(own.has)) return { bind, outcome: 'ours' };
    const of = listeners.length > 0 ? listeners : there;
    const [owner] = (await ownersOf(new Set(of.map(({ inode }) => inode)))).values();
    if (owner === undefined && own.hidden && of.some(own.mayBe)) return { bind, outcome: 'untried' };
    return { bind, outcome: 'taken', holder: holderOf(owner, of !== there || of.length === 0) };
  }
  return { judge };
}

const holderOf = (owner: SocketOwner | undefined, listens: boolean): NonNullable<BindTrial['holder']> => ({
  ...owner,
  as: listens ? 'listener' : 'connection',
});

/** Whether a socket can be why an address cannot be had: one of `::` mostly takes IPv4 too. */
const stands = (row: SocketRow, { address }: BindAddress): boolean =>
  row.address === '::' || listenersOverlap(row.address, address);

/** `free`, or the error's code. Listens for less than a millisecond; who connects meanwhile is sent away, as before and after. */
function listen({ address, port }: BindAddress): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    const host = address === '*' ? '0.0.0.0' : address;
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => server.close(() => resolve('free')));
  });
}
