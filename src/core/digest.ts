import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { commonEnds } from './list-maker.ts';

/** The digest of a set of files by those of their texts: it depends on names and bytes alone. */
export function filesDigest(files: ReadonlyMap<string, Uint8Array>): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return bytesToHex(sha256(concatBytes(...sorted.flatMap(([name, digest]) => [sha256(utf8ToBytes(name)), digest]))));
}

/** The digest of texts that stand one behind the other, by theirs. */
export const joinedDigest = (digests: readonly Uint8Array[]): Uint8Array => sha256(concatBytes(...digests));

/** The digest of a text by its pieces: sections of haproxy.cfg, lines of other files. */
export type TextDigest = (pieces: readonly string[]) => Uint8Array;

/** Characters of a text that say whether a chunk ends with it. */
const MOST_LOOKED_AT = 64;

/** Things up to `end` that no chunk before it has. */
interface Chunk {
  readonly end: number;
  readonly digest: Uint8Array;
}

/**
 * Digests a text chunk by chunk, and the digests of chunks in chunks again, and only those that are different from those of the
 * call before, wherever they stand.
 */
export function createTextDigest(): TextDigest {
  const chunks = createChunks(endsChunk, (pieces: readonly string[]) => sha256(utf8ToBytes(pieces.join(''))));
  const chunksOfChunks = createChunks((digest: Uint8Array) => ((digest[0] ?? 0) & 31) === 0, joinedDigest);
  let before: readonly string[] | undefined;
  let digest = joinedDigest([]);
  return (pieces) => {
    if (pieces !== before) digest = joinedDigest(chunksOfChunks(chunks(pieces)));
    before = pieces;
    return digest;
  };
}

/** Where a chunk ends depends on its last item alone, so that most chunks stay what they are when one is put in or taken out. */
function createChunks<T>(
  ends: (item: T) => boolean,
  digestOf: (items: readonly T[]) => Uint8Array,
): (items: readonly T[]) => readonly Uint8Array[] {
  let before: readonly T[] = [];
  let chunks: readonly Chunk[] = [];

  const startOf = (index: number): number => chunks[index - 1]?.end ?? 0;

  /** Chunks of before that may be there again, by their first items. */
  function known(from: number, to: number): ReadonlyMap<T, readonly [start: number, Chunk]> {
    const found = new Map<T, readonly [number, Chunk]>();
    // The last chunk may have ended because the list did.
    for (let index = from; index < Math.min(to, chunks.length - 1); index++) {
      const chunk = chunks[index];
      const first = before[startOf(index)];
      if (chunk !== undefined && first !== undefined) found.set(first, [startOf(index), chunk]);
    }
    return found;
  }

  function between(items: readonly T[], from: number, to: number, old: ReturnType<typeof known>): readonly Chunk[] {
    const made: Chunk[] = [];
    for (let start = from; start < to; start = made.at(-1)?.end ?? to) {
      const [was, chunk] = old.get(items[start] as T) ?? [];
      if (chunk !== undefined && isAgain(before.slice(was, chunk.end), items, start)) {
        made.push({ end: start + chunk.end - (was ?? 0), digest: chunk.digest });
        continue;
      }
      let end = start + 1;
      while (end < to && !ends(items[end - 1] as T)) end++;
      made.push({ end, digest: digestOf(items.slice(start, end)) });
    }
    return made;
  }

  return (items) => {
    const { head, tail } = commonEnds(before, items);
    const shift = items.length - before.length;
    // The last chunk may have ended because the list did.
    const first = chunks.slice(0, -1).filter(({ end }) => end <= head);
    // Where the item in front of a chunk is the same too, the chunk begins there again.
    const last = chunks.filter((_, index) => index >= first.length && startOf(index) > before.length - tail);
    const from = first.at(-1)?.end ?? 0;
    const to = last.length === 0 ? items.length : startOf(chunks.length - last.length) + shift;
    const moved = shift === 0 ? last : last.map(({ end, digest }) => ({ end: end + shift, digest }));
    const old = known(first.length, chunks.length - last.length);
    chunks = [...first, ...between(items, from, to, old), ...moved];
    before = items;
    return chunks.map(({ digest }) => digest);
  };
}

/** Whether a list has these at this place. */
const isAgain = (those: readonly unknown[], items: readonly unknown[], at: number): boolean =>
  those.every((one, index) => one === items[at + index]);

/** True for one text in four, by its beginning: sections and lines differ there, in their names. */
function endsChunk(text: string): boolean {
  const end = Math.min(text.length, MOST_LOOKED_AT);
  let hash = 0;
  for (let index = 0; index < end; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return (hash & 3) === 0;
}
