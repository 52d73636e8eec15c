import { describe, expect, test } from 'vitest';
import type { ServerName } from '../../../src/core/routing.ts';
import { backendName, serverCookie, serverId, serverName } from '../../../src/core/servers.ts';
import { assignPorts } from '../../../src/core/service-ports.ts';
import { appId, endpoint } from './table-rig.ts';

const NOTHING = new Set<number>();

describe('names, ids and cookies are marathon-lb’s', () => {
  test.each([
    ['agent1_1_1_1_1_1024', 28_363, 'd6ad48c81f'],
    ['10_0_0_1_31000', 28_035, '13d473d85a'],
  ])('%s has id %i and cookie %s', (name, id, cookie) => {
    expect(serverId(name, NOTHING)).toBe(id);
    expect(serverCookie(name as ServerName)).toBe(cookie);
  });

  test.each([
    ['0', 17_068],
    ['a', 25_929],
    ['uudnntiqtd', 26_825],
  ])('%s has id %i', (name, id) => {
    expect(serverId(name, NOTHING)).toBe(id);
  });

  test('an id that is taken is passed over', () => {
    expect(serverId('yftjqzplpu', NOTHING)).toBe(28_876);
    expect(serverId('yftjqzplpu', new Set([28_876]))).toBe(21_605);
  });

  test.each([
    ['agent1', '1.1.1.1', 1024, 'agent1_1_1_1_1_1024'],
    ['10.0.0.1', '10.0.0.1', 31_000, '10_0_0_1_31000'],
    ['node-1.dc.local', '10.0.0.1', 80, 'node-1_dc_local_10_0_0_1_80'],
    ['', '10.0.0.1', 80, '10_0_0_1_80'],
    ['agent1', 'fd00::5', 80, 'agent1_fd00__5_80'],
  ])('server on %s at %s:%i', (host, address, port, name) => {
    expect(serverName(host, endpoint(0, port, address))).toBe(name);
  });

  test('a backend is named by app and service port', () => {
    expect(backendName(appId('/prod/web.v2-blue'), 10_000)).toBe('prod_web.v2-blue_10000');
  });
});

describe('automatic service ports', () => {
  const range = { min: 10_050, max: 10_100 };
  const assign = (keys: readonly string[], remembered = new Map<string, number>(), used: readonly number[] = []) =>
    assignPorts(keys, range, remembered, () => new Set(used), new Set([10_060]));

  test.each([
    ['/a|8080', 10_077],
    ['/a|8081', 10_064],
    ['/foo/bar|80', 10_063],
    ['/nginx|443', 10_062],
  ])('%s gets marathon-lb’s %i', (key, port) => {
    expect(assign([key])).toEqual(new Map([[key, port]]));
  });

  test('a port that Marathon gave to anybody is passed over, a remembered one stays', () => {
    const first = assign(['/a|8080'], new Map(), [10_077]).get('/a|8080');
    expect(first).not.toBe(10_077);
    expect(assign(['/a|8080'], new Map([['/a|8080', 10_077]]), [10_077]).get('/a|8080')).toBe(10_077);
  });

  test('a remembered port is dealt again when it is out of range or reserved', () => {
    expect(assign(['/a|8080'], new Map([['/a|8080', 9_000]])).get('/a|8080')).toBe(10_077);
    expect(assign(['/a|8080'], new Map([['/a|8080', 10_060]])).get('/a|8080')).toBe(10_077);
  });

  test('the range is used up to its last port, the surplus gets none, and order plays no part', () => {
    const keys = Array.from({ length: 60 }, (_, index) => `/app${index}|80`);
    const ports = assign(keys);
    expect(new Set(ports.values()).size).toBe(50);
    expect([...ports.values()]).not.toContain(10_060);
    expect(assign(keys.toReversed())).toEqual(ports);
  });

  test('no range, no port', () => {
    expect(assignPorts(['/a|80'], { min: 0, max: 0 }, new Map(), () => NOTHING, NOTHING).size).toBe(0);
  });
});
