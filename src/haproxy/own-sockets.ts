import { type SocketRow, socketsOf, userOf } from './proc-net.ts';
import { findByMasterSocket } from './processes.ts';

/** The sockets of our own HAProxy, as far as they may be seen. */
export interface OwnSockets {
  /** Masters and workers there are. */
  readonly pids: number;
  /** Some of their sockets may not be seen: HAProxy was given rights that Portolan does not have. */
  readonly hidden: boolean;
  readonly has: (row: SocketRow) => boolean;
  /** It belongs to the user that HAProxy runs as. */
  readonly mayBe: (row: SocketRow) => boolean;
}

/** Looks at masters and workers that were started with this master socket. */
export async function createOwnSockets(masterSocket: string): Promise<OwnSockets> {
  const processes = await findByMasterSocket(masterSocket);
  const lists = await Promise.all(processes.map(({ pid }) => socketsOf(pid)));
  const users = new Set(await Promise.all(processes.map(({ pid }) => userOf(pid))));
  const inodes = new Set(lists.flatMap((list) => list ?? []));
  return {
    pids: processes.length,
    hidden: lists.includes(undefined),
    has: ({ inode }) => inodes.has(inode),
    mayBe: ({ uid }) => users.has(uid),
  };
}
