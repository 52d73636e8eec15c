import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { CertificateSet } from '../core/certificates.ts';

/** The files that may hold certificates, and those that were not looked at. */
export interface PemFiles {
  /** Folders below which labels may name files, absolute and spelled as the operator spells them. */
  readonly folders: readonly string[];
  /** Absolute paths, each once; `entry` is the position in `--ssl-certs` through which it was found first. */
  readonly files: readonly { readonly path: string; readonly entry: number }[];
  readonly refused: CertificateSet['refused'];
}

/** Folders below folders, as deep as operators nest them. */
export const DEEPEST_FOLDER = 5;

/** HAProxy reads these beside a certificate by itself and takes none of them for one. */
const BESIDES = /\.(key|ocsp|issuer|sctl)$/;

/**
 * Lists files and folders of `--ssl-certs`. Hidden entries are passed over (a mounted secret's `..data` is reached through
 * its links). A link that leads out of all folders is refused: what a label may name must lie below them.
 */
export async function findPemFiles(sslCerts: readonly string[]): Promise<PemFiles> {
  const entries = await Promise.all(sslCerts.map((path) => lookUp(resolve(path))));
  const roots = entries.filter(({ kind }) => kind === 'folder');
  const files = new Map<string, number>();
  const refused: { path: string; reason: string }[] = [];
  const walked = new Set<string>();

  const visit = async (found: Entry, index: number, depth: number): Promise<void> => {
    if (found.kind === 'unreadable') refused.push({ path: found.path, reason: found.reason });
    else if (found.kind === 'file') files.set(found.path, Math.min(index, files.get(found.path) ?? index));
    else if (depth > 0 && !walked.has(found.target)) {
      walked.add(found.target);
      for (const path of await listFolder(found.path)) await visit(inside(await lookUp(path)), index, depth - 1);
    }
  };
  const inside = (found: Entry): Entry => {
    if (
      found.kind === 'unreadable' ||
      roots.some((root) => root.kind === 'folder' && isBelow(found.target, root.target))
    ) {
      return found;
    }
    const reason = `a link to ${found.target}, which is outside the folders of --ssl-certs`;
    return { kind: 'unreadable', path: found.path, reason };
  };

  for (const [index, entry] of entries.entries()) await visit(entry, index, DEEPEST_FOLDER);
  return {
    folders: [...new Set(roots.map(({ path }) => path))],
    files: [...files].map(([path, entry]) => ({ path, entry })),
    refused,
  };
}

async function listFolder(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const wanted = names.filter((name) => !name.startsWith('.') && !BESIDES.test(name));
  return wanted.sort().map((name) => join(folder, name));
}

/** A path, and where its links end. */
type Entry =
  | { readonly kind: 'file' | 'folder'; readonly path: string; readonly target: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string };

async function lookUp(path: string): Promise<Entry> {
  try {
    const target = await realpath(path);
    const found = await stat(target);
    if (found.isDirectory()) return { kind: 'folder', path, target };
    if (found.isFile()) return { kind: 'file', path, target };
    return { kind: 'unreadable', path, reason: 'neither a file nor a folder' };
  } catch (error) {
    return { kind: 'unreadable', path, reason: `cannot be read: ${error instanceof Error ? error.message : error}` };
  }
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}${sep}`);
