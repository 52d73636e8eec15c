import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { AppId } from '../core/app.ts';
import type { Generation, LineOwner, RenderedConfig } from '../core/config.ts';
import type { Origin } from '../core/problem.ts';

/** Schema number of the manifests written here. A higher one was written by a newer Portolan: served, never rewritten. */
const MANIFEST_SCHEMA = 1;

/** Name of the manifest in a generation's folder. Written last: a folder without one was never finished. */
export const MANIFEST_NAME = 'manifest.json';

const origin = z.discriminatedUnion('from', [
  z.object({ from: z.literal('default') }),
  z.object({ from: z.literal('setting'), name: z.string() }),
  z.object({ from: z.literal('app'), app: z.string() }),
  z.object({ from: z.literal('label'), app: z.string(), label: z.string() }),
]);

const manifestSchema = z.object({
  schema: z.literal(MANIFEST_SCHEMA),
  generation: z.int().positive(),
  writtenAt: z.number(),
  why: z.string(),
  state: z.enum(['candidate', 'rejected', 'published']),
  digest: z.string(),
  /** The generation whose worker was brought here over its socket: it runs this configuration without having loaded it. */
  follows: z.int().positive().optional(),
  /** SHA-256 of each file as it lies on the disk, by relative name. */
  files: z.record(z.string(), z.string()),
  owners: z.array(z.object({ from: z.int(), to: z.int(), section: z.string(), origin })),
});

/** What a generation says about itself. */
export type Manifest = z.infer<typeof manifestSchema>;

/** What a manifest's text turned out to be. */
export type ReadManifest =
  | { readonly is: 'ours'; readonly manifest: Manifest }
  | { readonly is: 'newer'; readonly schema: number }
  | { readonly is: 'damaged'; readonly reason: string };

/** Reads a manifest's text. Never throws. */
export function parseManifest(text: string): ReadManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { is: 'damaged', reason: 'its manifest is not JSON' };
  }
  const numbered = z.object({ schema: z.number() }).safeParse(json);
  if (numbered.success && numbered.data.schema > MANIFEST_SCHEMA) return { is: 'newer', schema: numbered.data.schema };
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return { is: 'ours', manifest: parsed.data };
  return { is: 'damaged', reason: `its manifest does not fit: ${parsed.error.issues[0]?.message ?? 'unknown shape'}` };
}

/** The manifest of a configuration about to be written. `files` are the bytes as they will lie on the disk. */
export function describeGeneration(
  generation: Generation,
  config: RenderedConfig,
  files: ReadonlyMap<string, string>,
  why: string,
  writtenAt: number,
): Manifest {
  return {
    schema: MANIFEST_SCHEMA,
    generation,
    writtenAt,
    why,
    state: 'candidate',
    digest: config.digest,
    files: Object.fromEntries([...files].map(([name, text]) => [name, sha256(text)])),
    owners: config.owners.map((owner) => ({ ...owner, origin: { ...owner.origin } })),
  };
}

/** The owners of a manifest as the core knows them. */
export function ownersOf(manifest: Manifest): readonly LineOwner[] {
  return manifest.owners.map((owner) => ({ ...owner, origin: originOf(owner.origin) }));
}

function originOf(read: z.infer<typeof origin>): Origin {
  switch (read.from) {
    case 'app':
      return { from: 'app', app: read.app as AppId };
    case 'label':
      return { from: 'label', app: read.app as AppId, label: read.label };
    default:
      return read;
  }
}

/** SHA-256 of a text, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
