import { expect, test } from 'vitest';
import { hostAllowed } from '../../../src/admin/guard.ts';

const at = (address: string) => ({ address, port: 9092 });

test.each([
  [undefined, '127.0.0.1', false],
  ['', '127.0.0.1', false],
  [':9092', '127.0.0.1', false],
  ['LOCALHOST', '127.0.0.1', true],
  ['localhost.', '127.0.0.1', true],
  ['10.0.0.1:9092', '10.0.0.1', true],
  ['10.0.0.2:9092', '10.0.0.1', false],
  ['[fd00::1]:9092', 'fd00::1', true],
  ['[FD00::1]', 'fd00::1', true],
  ['fd00::1', 'fd00::1', false],
  ['10.9.9.9', '0.0.0.0', true],
  ['[fd00::9]', '*', true],
  ['name.example', '*', false],
  ['edge1', '*', true],
  ['EDGE1:9092', '10.0.0.1', true],
])('Host %j at %s: %s', (host, address, wanted) => {
  expect(hostAllowed(host, at(address), ['edge1'])).toBe(wanted);
});
