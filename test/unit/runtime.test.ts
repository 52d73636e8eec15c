import { expect, test } from 'vitest';

test('runs on the Node that the package asks for, not on the machine’s', () => {
  const major = Number(/^v(\d+)\./.exec(process.version)?.[1]);
  expect(major).toBeGreaterThanOrEqual(24);
});
