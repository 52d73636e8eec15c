import { describe, expect, test } from 'vitest';
import type { RuntimeCommand } from '../../../src/core/runtime.ts';
import {
  addServerLine,
  admitLines,
  backendLine,
  payloadLines,
  reviveLines,
  rowLine,
  unsayable,
} from '../../../src/haproxy/runtime-lines.ts';
import { addServer, backendName, removeServer, serverOf } from '../../support/runtime-commands.ts';

const full = serverOf({
  name: 'agent_10_0_0_1_31000',
  id: 77,
  address: '10.0.0.1',
  port: 31_000,
  check: { tls: true, interMs: 2_500, fall: 4, port: 9_000 },
  cookie: 'a1b2c3d4e5',
});

describe('addServerLine', () => {
  test('says everything on HAProxy 3.0 and newer', () => {
    const text =
      'add server web_80/agent_10_0_0_1_31000 10.0.0.1:31000 id 77 check inter 2500ms fall 4 port 9000 check-ssl verify none cookie a1b2c3d4e5';
    for (const tier of ['A', 'B'] as const)
      expect(addServerLine(tier, 'web_80', full)).toMatchObject({ text, payload: false, expect: 'registered' });
  });

  test('says the work-around words and no cookie on 2.6', () => {
    expect(addServerLine('C', 'web_80', full).text).toBe(
      'add server web_80/agent_10_0_0_1_31000 10.0.0.1:31000 id 77 check inter 2500ms fall 4 port 9000 check-ssl verify none pool-purge-delay 5s pool-max-conn -1',
    );
  });

  test('writes an IPv6 address in brackets', () => {
    const server = serverOf({ name: 's', id: 1, address: 'fd00::1', port: 80 });
    expect(addServerLine('B', 'b', server).text).toBe('add server b/s [fd00::1]:80 id 1');
  });
});

describe('backendLine', () => {
  const backend = backendName('web_80');
  test('names the profile in a GUID of the backend’s own', () => {
    const lines = (['web_80', 'web_81'] as const).map((name) =>
      backendLine({ do: 'add-backend', backend: backendName(name), profile: 'P_http' }),
    );
    expect(lines[0]).toMatchObject({ expect: 'backend-registered', payload: false });
    expect(lines[0]?.text).toMatch(/^add backend web_80 from P_http guid P_http:[0-9a-f]{16}$/);
    expect(lines[1]?.text.slice(-16)).not.toBe(lines[0]?.text.slice(-16));
  });

  test.each([
    ['publish-backend', 'publish backend web_80', 'published'],
    ['unpublish-backend', 'unpublish backend web_80', 'unpublished'],
    ['delete-backend', 'del backend web_80', 'backend-gone'],
  ] as const)('%s', (what, text, expected) => {
    expect(backendLine({ do: what, backend })).toEqual({ text, expect: expected, payload: false });
  });

  test('is not said with a name that could be words', () => {
    const add = (name: string, profile: string) =>
      unsayable({ do: 'add-backend', backend: backendName(name), profile });
    expect(add('web_80', 'P_http')).toBeUndefined();
    expect(add('web 80', 'P_http')).toContain('cannot be a name');
    expect(add('web_80', 'P;quit')).toContain('cannot be a name');
    expect(add('web_80', `P_${'x'.repeat(110)}`)).toContain('too long');
    expect(unsayable({ do: 'delete-backend', backend: backendName('web;80') })).toContain('cannot be a name');
  });
});

describe('letting a server in', () => {
  test('enables the check of a checked one only', () => {
    expect(admitLines('b', full).map(({ text }) => text)).toEqual([
      'enable health b/agent_10_0_0_1_31000',
      'set server b/agent_10_0_0_1_31000 state ready',
    ]);
    expect(admitLines('b', serverOf({ name: 's', admission: 'maint' })).map(({ text }) => text)).toEqual([
      'set server b/s state maint',
    ]);
  });

  test('tells a tombstone its address first, an IPv6 address without brackets', () => {
    const server = serverOf({ name: 's', address: 'fd00::1', port: 80 });
    expect(reviveLines('b', server).map(({ text }) => text)).toEqual([
      'set server b/s addr fd00::1 port 80',
      'set server b/s state ready',
    ]);
  });
});

describe('rowLine', () => {
  const map = 'maps/paths.map' as const;

  test('names the map as the configuration does', () => {
    expect(rowLine({ do: 'add-row', map, key: 'a.example/x', value: 'web_80' }).text).toBe(
      'add map maps/paths.map a.example/x web_80',
    );
    expect(rowLine({ do: 'set-row', map, key: 'a.example/x', value: 'web_81' }).text).toBe(
      'set map maps/paths.map a.example/x web_81',
    );
    expect(rowLine({ do: 'delete-row', map, key: 'a.example/x' }).text).toBe('del map maps/paths.map a.example/x');
  });

  test('escapes what would end the command, begin a payload or escape', () => {
    expect(rowLine({ do: 'delete-row', map, key: 'a/;shutdown\\<<' }).text).toBe(
      'del map maps/paths.map a/\\;shutdown\\\\\\<\\<',
    );
  });
});

describe('payloadLines', () => {
  test('fills payloads up to their limit in bytes and ends each with an empty line', () => {
    const rows = new Map(Array.from({ length: 3_000 }, (_, n) => [`hôte-${n}.example`, `backend_${n}`]));
    const lines = payloadLines('maps/hosts.map', 5, rows);
    const sizes = lines.map(({ text }) => Buffer.byteLength(text) + 1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(14_000);
    // None but the last could have taken another row.
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(14_000 - 50);
    const sent = lines.flatMap(({ text }) => {
      const [head, ...body] = text.split('\n');
      expect(head).toBe('add map @5 maps/hosts.map <<');
      expect(body.pop()).toBe('');
      return body;
    });
    expect(sent).toEqual([...rows].map(([key, value]) => `${key} ${value}`));
  });

  test('sends nothing for no rows', () => {
    expect(payloadLines('maps/hosts.map', 5, new Map())).toEqual([]);
  });
});

describe('unsayable', () => {
  const rowOf = (key: string, value = 'web_80'): RuntimeCommand => ({
    do: 'add-row',
    map: 'maps/hosts.map',
    key,
    value,
  });
  const mapOf = (key: string, value: string): RuntimeCommand => ({
    do: 'replace-map',
    map: 'maps/hosts.map',
    rows: new Map([
      ['fine', 'web_80'],
      [key, value],
    ]),
  });

  const bad: readonly (readonly [string, RuntimeCommand])[] = [
    ['a newline in a key', rowOf('a\nshutdown frontend f')],
    ['a NUL in a key', rowOf('a\u0000b')],
    ['a blank in a key', rowOf('a b')],
    ['a carriage return in a value', rowOf('a', 'web\r80')],
    ['an empty key', rowOf('')],
    ['an empty value', rowOf('a', '')],
    ['a key that points into the map', rowOf('#0x55d')],
    ['a row longer than a line can be', rowOf('a'.repeat(14_000))],
    ['a newline in a row of a whole map', mapOf('a', 'b\n\nshutdown')],
    ['a blank in a row of a whole map', mapOf('a b', 'c')],
    ['a backend that is two commands', addServer('b;shutdown')],
    ['a server with a slash', removeServer('b', 's/t')],
    ['a server with a blank', removeServer('b', 's state ready')],
    ['a host name as an address', addServer('b', { name: 's', address: 'localhost' })],
    ['words as an address', addServer('b', { name: 's', address: '127.0.0.1:1 backup #' })],
    ['no port', addServer('b', { port: 0 })],
    ['a port that is none', addServer('b', { port: 65_536 })],
    ['a check port that is none', addServer('b', { check: { tls: false, interMs: 1, fall: 1, port: 1.5 } })],
    ['an interval that is none', addServer('b', { check: { tls: false, interMs: Number.NaN, fall: 1 } })],
    ['a cookie with a newline', addServer('b', { cookie: 'a\nb' })],
  ];
  test.each(bad)('refuses %s', (_what, command) => {
    expect(unsayable(command)).toEqual(expect.any(String));
  });

  const good: readonly (readonly [string, RuntimeCommand])[] = [
    ['marks of all kinds in a key', rowOf('a.example/;\\<<"\'$[](){}%?*&|@é')],
    ['a `#` that is not the first', rowOf('a/#b')],
    ['the names Marathon allows', addServer('group_sub.app-1_10000', { name: 'agent_1_10_0_0_1_31000' })],
    ['an IPv6 address', addServer('b', { name: 's', address: '2001:db8::1' })],
    ['a map without rows', { do: 'replace-map', map: 'maps/hosts.map', rows: new Map() }],
  ];
  test.each(good)('takes %s', (_what, command) => {
    expect(unsayable(command)).toBeUndefined();
  });
});
