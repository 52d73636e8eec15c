import { expect, test } from 'vitest';
import { nearestName } from '../../../src/core/nearest.ts';

const known = ['marathon', 'marathon-ca', 'group', 'http-bind', 'https-bind'];

test.each([
  ['maraton', 'marathon'],
  ['GROUP', 'group'],
  ['http-binds', 'http-bind'],
  ['https-bnd', 'https-bind'],
  ['gruop', 'group'],
  ['completely-else', undefined],
  ['', undefined],
])('%s: %s', (meant, wanted) => {
  expect(nearestName(meant, known)).toBe(wanted);
});
