import { sha1 } from '@noble/hashes/legacy.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { parseIp } from './address.ts';
import type { AppId, Endpoint } from './app.ts';
import type { BackendName, ServerName } from './routing.ts';
import { sha256Hex, sha256Words } from './sha256-words.ts';

/** HAProxy keeps ids of servers in 16 bits, signed. */
const ID_SPACE = 32_767;

/** marathon-lb's name of a service: the app's id without its slash, the rest of them as underscores, and the service port. */
export const backendName = (app: AppId, servicePort: number): BackendName =>
  `${app.slice(1).replaceAll('/', '_')}_${servicePort}` as BackendName;

/**
 * marathon-lb's name of a server: agent, address and port, the agent left out when it is the address. Dashboards, the state
 * file and zdd look it up. Of one address there is more than one spelling only with colons.
 */
export function serverName(host: string, { address, port }: Endpoint): ServerName {
  const isAddress = host === '' || host === address || (host.includes(':') && parseIp(host)?.text === address);
  const name = isAddress ? `${address}_${port}` : `${host}_${address}_${port}`;
  return name.replaceAll(/[^A-Za-z0-9-]/g, '_') as ServerName;
}

/** marathon-lb's id of a server, 1–32767: from its name, and the same in every instance. Ids in `taken` are passed over. */
export function serverId(name: string, taken: ReadonlySet<number>): number {
  const id = firstId(name);
  return id === 0 || taken.has(id) ? serverId(`${name} ${sha256Hex(name)}`, taken) : id;
}

/** Ids remembered: while an app changes, its other servers are named again and again. */
const MOST_IDS = 4096;
const firstIds = new Map<string, number>();

function firstId(name: string): number {
  const known = firstIds.get(name);
  if (known !== undefined) return known;
  const id = sha256Words(name).reduce((remainder, word) => (remainder * 2 ** 32 + word) % ID_SPACE, 0);
  if (firstIds.size >= MOST_IDS) firstIds.clear();
  firstIds.set(name, id);
  return id;
}

/** marathon-lb's cookie of a server: clients keep theirs over restarts and between instances. */
export const serverCookie = (name: ServerName): string => bytesToHex(sha1(utf8ToBytes(name))).slice(0, 10);
