import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ephemeralPorts, listeningSockets, ownersOf, parseSocket } from '../../../src/haproxy/proc-net.ts';

const open: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

describe('a row of the kernel’s list of sockets', () => {
  const rest = '00000000:00000000 00:00000000 00000000  1000        0 7554347 1 00000000fec4a8a4 100 0 1 10 0';
  test.each([
    ['0100007F:6662', '0A', { address: '127.0.0.1', port: 26_210, listens: true }],
    ['00000000:0050', '0A', { address: '0.0.0.0', port: 80, listens: true }],
    ['0A00000A:8001', '01', { address: '10.0.0.10', port: 32_769, listens: false }],
    ['00000000000000000000000000000000:0050', '0A', { address: '::', port: 80, listens: true }],
    ['00000000000000000000000001000000:0050', '0A', { address: '::1', port: 80, listens: true }],
    ['0000000000000000FFFF00000100007F:0050', '0A', { address: '127.0.0.1', port: 80, listens: true }],
    ['B80D01200000000000000000010000AB:01BB', '0A', { address: '2001:db8::ab00:1', port: 443, listens: true }],
  ])('%s %s', (local, state, expected) => {
    expect(parseSocket(`   0: ${local} 00000000:0000 ${state} ${rest}`)).toEqual({
      ...expected,
      uid: 1000,
      inode: '7554347',
    });
  });

  test.each([
    '',
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    'x',
  ])('is not: %s', (line) => expect(parseSocket(line)).toBeUndefined());
});

test('who listens is found by the sockets that a process has open', async () => {
  const server = createServer();
  open.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const row = (await listeningSockets()).find((one) => one.port === port && one.address === '127.0.0.1');
  expect(row).toMatchObject({ listens: true, uid: process.getuid?.() });
  const owners = await ownersOf(new Set([row?.inode ?? '']));
  expect(owners.get(row?.inode ?? '')?.pid).toBe(process.pid);
  expect(owners.get(row?.inode ?? '')?.command).not.toBe('');
});

test.each([
  ['32768\t60999\n', '\n', [32_768, 60_999], [32_767, 61_000, 80]],
  ['32768 60999', '33000,40000-40010\n', [32_999, 39_999, 40_011], [33_000, 40_000, 40_005, 40_010]],
  ['', '', [], [1, 80, 40_000]],
])('ports of outgoing connections: %j without %j', (range, reserved, ephemeral, others) => {
  const is = ephemeralPorts(range, reserved);
  expect(ephemeral.filter((port) => !is(port))).toEqual([]);
  expect(others.filter(is)).toEqual([]);
});
