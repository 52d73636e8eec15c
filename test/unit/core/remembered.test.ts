import { expect, test } from 'vitest';
import { rememberedContent } from '../../../src/core/remembered.ts';

test('what says the same is made once, and made again after something else', () => {
  const made: string[] = [];
  const make = rememberedContent(({ text }: { readonly text: string }) => {
    made.push(text);
    return { of: text };
  });
  const first = make({ text: 'a' });
  expect(make({ text: 'a' })).toBe(first);
  expect(make({ text: 'b' })).toEqual({ of: 'b' });
  expect(make({ text: 'a' })).toEqual({ of: 'a' });
  expect(made).toEqual(['a', 'b', 'a']);
});
