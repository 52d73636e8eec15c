import { readFile } from 'node:fs/promises';
import { Agent } from 'undici';
import type { AppId } from '../core/app.ts';
import { field, isRecord } from '../core/json.ts';
import type { PeerAnswer, Peers } from '../core/peer.ts';
import type { Clock } from '../core/ports.ts';
import { printable } from '../core/problem.ts';
import type { Settings } from '../core/settings.ts';
import { createAlarms } from './alarms.ts';
import { startDeadline } from './deadline.ts';

/** What asking other edges touches. */
export interface PeersParts {
  readonly settings: Pick<Settings, 'peer' | 'peerTokenFile'>;
  readonly clock: Clock;
  /** Milliseconds that one edge has for its answer; all are asked at the same time. */
  readonly deadlineMs?: number;
}

/** Peers with connections to give back. */
export interface ClosablePeers extends Peers {
  close(): Promise<void>;
}

/** Bytes of an answer; a claim takes about a hundred of them. */
const LARGEST = 64 * 1024 * 1024;

/** What an edge said last, and what it called that. */
interface Known {
  readonly digest: string;
  readonly claims: ReadonlyMap<string, AppId>;
}

/** Asks the admin APIs of other edges. What an edge said before is not sent again. */
export function createPeers({ settings, clock, deadlineMs = 2_000 }: PeersParts): ClosablePeers {
  const agent = new Agent({ connect: { timeout: deadlineMs }, keepAliveTimeout: 1_000, maxResponseSize: LARGEST });
  const known = new Map<string, Known>();

  async function ask(url: string, token: string | undefined, signal: AbortSignal): Promise<PeerAnswer> {
    const before = known.get(url);
    const { origin, pathname } = new URL(url);
    const { statusCode, headers, body } = await agent.request({
      origin,
      path: `${pathname.replace(/\/$/, '')}/v1/claims`,
      method: 'GET',
      signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'portolan',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(before === undefined ? {} : { 'if-none-match': before.digest }),
      },
    });
    const text = await body.text();
    if (statusCode === 304 && before !== undefined) return { url, claims: before.claims };
    if (statusCode !== 200) return { url, detail: `status ${statusCode}` };
    const claims = readClaims(text);
    if (claims === undefined) return { url, detail: 'the answer is no list of claims' };
    const digest = headers['etag'];
    if (typeof digest === 'string') known.set(url, { digest, claims });
    return { url, claims };
  }

  return {
    async claims(signal) {
      if (settings.peer.length === 0) return [];
      const token = await tokenOf(settings.peerTokenFile);
      const alarms = createAlarms(clock);
      const deadline = startDeadline(alarms, deadlineMs, signal);
      const answers = await Promise.all(
        settings.peer.map((url) =>
          ask(url, token, deadline.signal).catch((error: unknown): PeerAnswer => {
            const said = error instanceof Error ? error.message : String(error);
            return { url, detail: deadline.expired() ? `no answer within ${deadlineMs} ms` : printable(said, 200) };
          }),
        ),
      );
      deadline.stop();
      alarms.close();
      return answers;
    },
    close: () => agent.destroy(),
  };
}

/** Without a token that can be read, the peers say what is wrong. */
async function tokenOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const token = (await readFile(file, 'utf8')).trim();
    return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

function readClaims(text: string): ReadonlyMap<string, AppId> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const said = isRecord(json) && field(json, 'schema') === 1 ? field(json, 'claims') : undefined;
  if (!isRecord(said)) return undefined;
  const claims = new Map<string, AppId>();
  for (const [key, holder] of Object.entries(said)) {
    if (typeof holder !== 'string' || !holder.startsWith('/')) return undefined;
    claims.set(key, holder as AppId);
  }
  return claims;
}
