import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { commonEnds } from './list-maker.ts';

/** The digest of a set of files by those of their texts: it depends on names and bytes alone. */
export function filesDigest(files: ReadonlyMap<string, Uint8Array>): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return bytesToHex(sha256(concatBytes(...sorted.flatMap(([name, digest]) => [sha256(utf8ToBytes(name)), digest]))));
}

/** The digest of a text by its pieces: sections of haproxy.cfg, lines of other files. */
export type TextDigest = (pieces: readonly string[]) => Uint8Array;

/** Pieces up to `end` that no chunk before it has. */
interface Chunk {
  readonly end: number;
  readonly digest: Uint8Array;
}

/**
 * Digests a text chunk by chunk, and only the chunks that are different from those of the call before. Where a chunk ends depends
 * on its last piece alone, so that most chunks stay what they are when a piece is put in or taken out.
 */
export function createTextDigest(): TextDigest {
  let before: readonly string[] = [];
  let chunks: readonly Chunk[] = [];
  let digest: Uint8Array | undefined;
  return (pieces) => {
    if (pieces === before && digest !== undefined) return digest;
    const { head, tail } = commonEnds(before, pieces);
    const shift = pieces.length - before.length;
    const startOf = (index: number): number => chunks[index - 1]?.end ?? 0;
    // The last chunk may have ended because the text did.
    const first = chunks.slice(0, -1).filter(({ end }) => end <= head);
    // Where the piece in front of a chunk is the same too, the chunk begins there again.
    const last = chunks.filter((_, index) => index >= first.length && startOf(index) > before.length - tail);
    const from = first.at(-1)?.end ?? 0;
    const to = last.length === 0 ? pieces.length : startOf(chunks.length - last.length) + shift;
    chunks = [...first, ...chunksOf(pieces, from, to), ...last.map((chunk) => ({ ...chunk, end: chunk.end + shift }))];
    before = pieces;
    digest = sha256(concatBytes(...chunks.map((chunk) => chunk.digest)));
    return digest;
  };
}

function chunksOf(pieces: readonly string[], from: number, to: number): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let start = from;
  for (let index = from; index < to; index++) {
    if (index < pieces.length - 1 && !endsChunk(pieces[index] ?? '')) continue;
    const end = index + 1;
    chunks.push({ end, digest: sha256(utf8ToBytes(pieces.slice(start, end).join(''))) });
    start = end;
  }
  return chunks;
}

/** True for one text in 32. */
function endsChunk(text: string): boolean {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return (hash & 31) === 0;
}
