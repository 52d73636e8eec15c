import { hash } from 'node:crypto';
import * as z from 'zod';
import type { Generation } from '../core/config.ts';

/** Schema number of the manifests written here. A higher one was written by a newer Portolan: served, never rewritten. */
const MANIFEST_SCHEMA = 1;

/** Name of the manifest in a generation's folder. Written last: a folder without one was never finished. */
export const MANIFEST_NAME = 'manifest.json';

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
  /** SHA-256 of `owners.json`, which is a file of its own: it is as long as the cluster is large, and seldom asked for. */
  owners: z.string(),
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

/** The manifest of a candidate. `files`: digests of the bytes as they lie on the disk. */
export function describeGeneration(
  generation: Generation,
  of: Pick<Manifest, 'digest' | 'why' | 'writtenAt' | 'owners'>,
  files: ReadonlyMap<string, string>,
): Manifest {
  return { schema: MANIFEST_SCHEMA, generation, ...of, state: 'candidate', files: Object.fromEntries(files) };
}

/** SHA-256 of a file's bytes, in hex. */
export const sha256 = (bytes: Buffer): string => hash('sha256', bytes, 'hex');
