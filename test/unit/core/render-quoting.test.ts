import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { literalFormat, literalPattern, literalReplacement, quoteWord } from '../../../src/core/quoting.ts';
import { wordsOf } from '../../support/haproxy-words.ts';

const controlsReplaced = (text: string): string => text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]/g, '_');

describe('quoteWord', () => {
  test.each([
    ['web.example', 'web.example'],
    ['P_http_hdr.X_0_http_5', 'P_http_hdr.X_0_http_5'],
    ['', "''"],
    ['two words', "'two words'"],
    ["it's", "'it'\\''s'"],
    ['#no-comment', "'#no-comment'"],
    ['$HOME "x" \\n', `'$HOME "x" \\n'`],
    ['x\n  bind *:1', "'x_  bind *:1'"],
  ])('%j becomes %s', (text, expected) => {
    expect(quoteWord(text)).toBe(expected);
  });

  test('whatever the text, HAProxy reads one word, and the text is what it reads', () => {
    const nasty = fc.array(fc.constantFrom("'", '"', '\\', '$', '#', ' ', '\n', '\r', '\0', '%', '{', '}', 'a', 'é'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          nasty.map((parts) => parts.join('')),
        ),
        (text) => {
          expect(wordsOf(`option ${quoteWord(text)} last`)).toEqual(['option', controlsReplaced(text), 'last']);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('a literal pattern matches its text and nothing else', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, other) => {
      const pattern = new RegExp(`^(?:${literalPattern(text)})$`);
      expect(pattern.test(text)).toBe(true);
      expect(pattern.test(other)).toBe(other === text);
    }),
  );
});

test('percent signs and back references are doubled where HAProxy would act on them', () => {
  expect(literalFormat('/x%20%[src]')).toBe('/x%%20%%[src]');
  expect(literalReplacement('/a\\1%')).toBe('/a\\\\1%%');
});
