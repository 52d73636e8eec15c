import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LineOwner, type RenderedConfig, unstampGeneration } from '../core/config.ts';
import { MANIFEST_NAME, type Manifest, parseManifest, sha256 } from './manifest.ts';
import { OWNERS_NAME, parseOwners } from './owners-file.ts';

/** What lies in a generation's folder, checked against its manifest. */
export type StoredGeneration =
  | {
      readonly is: 'whole';
      readonly manifest: Manifest;
      readonly files: ReadonlyMap<string, string>;
      readonly owners: readonly LineOwner[];
    }
  /** A newer Portolan wrote it: HAProxy can serve it, nothing else is known of it. */
  | { readonly is: 'newer' }
  | { readonly is: 'damaged'; readonly reason: string }
  /** Its writing was never finished, or there is no such folder. */
  | { readonly is: 'unfinished' };

/** Why a generation's configuration is not known. */
export type Unreadable = Exclude<StoredGeneration, { readonly is: 'whole' }>;

/** Reads a generation's folder and verifies the checksum of every file. Never throws. */
export async function readStored(folder: string): Promise<StoredGeneration> {
  const text = await readText(join(folder, MANIFEST_NAME));
  if (text === undefined) return { is: 'unfinished' };
  const read = parseManifest(text);
  if (read.is === 'newer') return { is: 'newer' };
  if (read.is === 'damaged') return read;
  const files = new Map<string, string>();
  for (const [name, digest] of Object.entries(read.manifest.files)) {
    const content = await readText(join(folder, name));
    if (content === undefined) return { is: 'damaged', reason: `${name} cannot be read` };
    if (sha256(content) !== digest) return { is: 'damaged', reason: `${name} differs from its checksum` };
    files.set(name, content);
  }
  const ownersText = await readText(join(folder, OWNERS_NAME));
  const owners =
    ownersText === undefined || sha256(ownersText) !== read.manifest.owners ? undefined : parseOwners(ownersText);
  if (owners === undefined) return { is: 'damaged', reason: `${OWNERS_NAME} is not as it was written` };
  return { is: 'whole', manifest: read.manifest, files, owners };
}

/** The manifest alone, without looking at the files: `undefined` when there is none that can be understood. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readText(join(folder, MANIFEST_NAME));
  const read = text === undefined ? undefined : parseManifest(text);
  return read?.is === 'ours' ? read.manifest : undefined;
}

/** The configuration as its renderer made it: without the generation's number. */
export function configOf(stored: StoredGeneration & { is: 'whole' }): RenderedConfig {
  const files = new Map(
    [...stored.files].map(([name, text]) => [name, name === 'haproxy.cfg' ? unstampGeneration(text) : text]),
  );
  return { files, owners: stored.owners, digest: stored.manifest.digest };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
