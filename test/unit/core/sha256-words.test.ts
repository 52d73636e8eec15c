import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../../src/core/sha256-words.ts';

test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
])('the digest of "%s" is the one that the standard gives', (text, digest) => {
  expect(sha256Hex(text)).toBe(digest);
});

test('texts of every length around the ends of blocks have the digest that others compute', () => {
  for (let length = 0; length < 200; length += 1) {
    const text = 'agent-7_10_0_0_1_31000~'.repeat(9).slice(0, length);
    expect(sha256Hex(text), `${length} characters`).toBe(bytesToHex(sha256(utf8ToBytes(text))));
  }
});
