import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** The SHA-256 of a text. */
export const textDigest = (text: string): Uint8Array => sha256(utf8ToBytes(text));

/**
 * The digest of a set of files: SHA-256 over their names and the digests of their paragraphs (a paragraph ends with a
 * blank line). It depends on names and bytes alone, and costs little where most paragraphs are known from the last time:
 * `known` gives their digests, in order.
 */
export function filesDigest(
  files: ReadonlyMap<string, string>,
  known: (file: string) => readonly Uint8Array[] | undefined = () => undefined,
): string {
  const hash = sha256.create();
  for (const [name, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const paragraphs = known(name) ?? text.split(/(?<=\n\n)/).map(textDigest);
    hash.update(textDigest(`${paragraphs.length} ${name}`));
    for (const paragraph of paragraphs) hash.update(paragraph);
  }
  return bytesToHex(hash.digest());
}
