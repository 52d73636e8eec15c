import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { BindAddress } from '../core/settings.ts';

/**
 * Whether a request's Host header names this listener. A page in a browser can make a name of its own point to 127.0.0.1 and
 * then read what it gets (DNS rebinding), but cannot send another Host than that name.
 * `ownNames`: names of the machine that clients of a listener beyond loopback may use.
 */
export function hostAllowed(header: string | undefined, bind: BindAddress, ownNames: readonly string[]): boolean {
  if (header === undefined) return false;
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header.trim());
  const host = (match?.[1] ?? match?.[2] ?? '').toLowerCase().replace(/\.$/, '');
  if (host === '') return false;
  if (host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return true;
  if (host === bind.address) return true;
  const everywhere = ['*', '0.0.0.0', '::'].includes(bind.address);
  return (everywhere && isIP(host) !== 0) || ownNames.some((name) => name.toLowerCase() === host);
}

/** What came of looking at a request's token. */
export type TokenVerdict = 'right' | 'wrong' | 'unreadable';

/** Compares a request's Authorization header with the token in the file, which is read each time: it may be rotated. */
export async function checkToken(header: string | undefined, file: string): Promise<TokenVerdict> {
  let token: string;
  try {
    token = (await readFile(file, 'utf8')).trim();
  } catch {
    return 'unreadable';
  }
  if (token === '') return 'unreadable';
  const given = /^bearer\s+(\S+)\s*$/i.exec(header ?? '')?.[1] ?? '';
  // Hashes have one length, so the time tells nothing about the token's.
  return timingSafeEqual(sha256(given), sha256(token)) ? 'right' : 'wrong';
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
