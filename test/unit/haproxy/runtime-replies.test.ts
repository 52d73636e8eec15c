import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Expected } from '../../../src/haproxy/runtime-lines.ts';
import {
  countRows,
  judgeReply,
  openVersions,
  parseMap,
  parseRow,
  parseServersState,
  tierOf,
  type Verdict,
  versionOf,
} from '../../../src/haproxy/runtime-replies.ts';

describe('judgeReply', () => {
  const replies: readonly (readonly [Expected, string, Verdict])[] = [
    ['silence', '', 'expected'],
    ['silence', 'No such server.', 'refused'],
    ['silence', 'Permission denied', 'refused'],
    ['registered', 'New server registered.', 'expected'],
    ['registered', '[WARNING] Server b/old is going DOWN for maintenance.\nNew server registered.', 'expected'],
    ['registered', 'Already exists a server with the same name in backend.', 'exists'],
    ['registered', '[WARNING] Server b/x is UP.\nAlready exists a server with the same name in backend.', 'exists'],
    ['registered', "'id' : custom id 100 already used at (null):0 ('server t1').", 'refused'],
    ['registered', "'id' : custom id 77 already used at (null):0 ('server s').", 'exists'],
    ['registered', '', 'refused'],
    ['registered', 'New server registered. Not really', 'refused'],
    ['moved', 'nothing changed', 'expected'],
    ['moved', "no need to change the addr, no need to change the port by 'stats socket command'", 'expected'],
    ['moved', "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'", 'expected'],
    ['moved', 'Invalid addr family or port', 'refused'],
    ['gone', 'Server deleted.', 'expected'],
    ['gone', 'No such server.', 'expected'],
    ['gone', 'No such backend.', 'expected'],
    ['gone', 'Server still has connections attached to it, cannot remove it.', 'attached'],
    ['gone', 'Only servers in maintenance mode can be deleted.', 'refused'],
    ['absent-too', '', 'expected'],
    ['absent-too', 'No such server.', 'expected'],
    ['absent-too', 'Key not found.', 'expected'],
    ['absent-too', 'Unknown map identifier. Please use #<id> or <file>.', 'refused'],
    ['version', 'New version created: 12', 'expected'],
    ['version', 'Unknown map identifier. Please use #<id> or <file>.', 'refused'],
    ['silence', 'Unknown command. Please enter one of the following commands only:\n  add acl', 'astray'],
    ['silence', "Unknown command: 'b', but maybe one of the following ones is a better match:", 'astray'],
    ['silence', 'Proxy is disabled.', 'astray'],
    ['any', 'whatever', 'expected'],
    ['backend-registered', 'New backend registered.', 'expected'],
    [
      'backend-registered',
      "New backend registered (no support for dynamic servers: backend 'b' uses a non dynamic load balancing method).",
      'refused',
    ],
    ['backend-registered', "Cannot find default proxy 'nope'.", 'refused'],
    ['published', 'Backend published.', 'expected'],
    ['published', 'No such backend.', 'refused'],
    ['unpublished', 'Server b/s is UP.\nBackend unpublished.', 'expected'],
    ['unpublished', 'No such backend.', 'expected'],
    ['backend-gone', "backend 'b' has no server available!\nServer deleted.\nBackend deleted.", 'expected'],
    ['backend-gone', 'No such backend.', 'expected'],
    ['backend-gone', 'Only a backend without server can be deleted.', 'attached'],
    ['backend-gone', 'Backend still has attached streams on it.', 'attached'],
    [
      'backend-gone',
      'This proxy cannot be removed at runtime due to other configuration elements pointing to it.',
      'attached',
    ],
    ['backend-gone', 'Backend must be unpublished prior to its deletion.', 'refused'],
  ];
  test.each(replies)('takes, where %s is expected, %j as %s', (expected, reply, verdict) => {
    expect(judgeReply({ expect: expected, server: 's' }, reply)).toBe(verdict);
  });
});

describe('tierOf', () => {
  const help = (...commands: readonly string[]): string =>
    `\nThe following commands are valid at this level:\n${commands.map((command) => `  ${command} <x>   : does it\n`).join('')}`;
  const usual = ['add map', 'add server', 'commit map', 'del server', 'prepare map', 'set server'];

  test.each([
    ['2.6.12-1+deb12u4', help(...usual), 'C'],
    ['2.9.1', help(...usual), 'C'],
    ['3.0.11-1+deb13u4', help(...usual), 'B'],
    ['3.2.26-1', help(...usual), 'B'],
    ['3.4.0', help('add backend', ...usual), 'A'],
    ['3.4.0', help(...usual), 'B'],
    ['3.0.11', help(...usual.filter((command) => command !== 'del server')), 'C'],
    ['3.0.11', help('show info', 'show map'), 'D'],
    ['2.4.0', help(...usual), 'D'],
    ['dev', help(...usual), 'D'],
  ])('is, for %s and what it knows, %#', (version, text, tier) => {
    expect(tierOf(version, text)).toBe(tier);
  });
});

describe('versions of maps', () => {
  const listing = [
    '# id (file) description',
    "0 (maps/hosts.map) pattern loaded from file 'maps/hosts.map' used by map at file 'haproxy.cfg' line 9. curr_ver=3 next_ver=5 entry_cnt=2",
    "1 (maps/hosts.map2) pattern loaded from file 'x' used by map at file 'haproxy.cfg' line 9. curr_ver=0 next_ver=7 entry_cnt=2",
    "2 (maps/paths.map) pattern loaded from file 'x' used by map at file 'haproxy.cfg' line 9. curr_ver=4 next_ver=4 entry_cnt=0",
  ].join('\n');

  test('are open between the one in use and the newest', () => {
    expect(openVersions(listing, 'maps/hosts.map')).toEqual([4, 5]);
    expect(openVersions(listing, 'maps/paths.map')).toEqual([]);
    expect(openVersions(listing, 'maps/none.map')).toEqual([]);
  });

  test('are read from the reply to prepare map', () => {
    expect(versionOf('New version created: 8')).toBe(8);
    expect(versionOf('Out of memory.')).toBeUndefined();
  });
});

const HEADER =
  '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const state = (backend: string, id: number, address: string, operational: number, admin: number): string =>
  `3 ${backend} ${id} s${id} ${address} ${operational} ${admin} 1 1 0 1 0 2 6 0 0 1 - ${8_000 + id} - 0 0 - - 0`;

describe('parseServersState', () => {
  test('tells what is forced, and who gets requests', async () => {
    const rows = [
      state('b', 1, '10.0.0.1', 2, 0),
      state('b', 2, 'fd00::1', 0, 0),
      state('b', 3, '10.0.0.3', 0, 1),
      // `disabled` in the configuration, and as `state ready` leaves it.
      state('b', 4, '10.0.0.4', 0, 5),
      state('c', 5, '10.0.0.5', 2, 4),
      state('c', 6, '10.0.0.6', 2, 8),
      state('c', 7, '10.0.0.7', 1, 0),
      state('c', 8, '10.0.0.8', 3, 0),
    ];
    const backends = await parseServersState([HEADER, ...rows].join('\n'));
    const seen = [...(backends ?? [])].map(([name, servers]) => [
      name,
      servers.map(({ id, admission, up }) => `${id} ${admission} ${up ? 'up' : 'not up'}`),
    ]);
    expect(seen).toEqual([
      ['b', ['1 ready up', '2 ready not up', '3 maint not up', '4 maint not up']],
      ['c', ['5 ready up', '6 drain not up', '7 ready up', '8 ready not up']],
    ]);
    expect(backends?.get('b')?.[1]).toEqual({
      name: 's2',
      id: 2,
      address: 'fd00::1',
      port: 8_002,
      admission: 'ready',
      up: false,
    });
  });

  test('tells a backend without servers from none', async () => {
    expect(await parseServersState(HEADER)).toEqual(new Map());
    expect(await parseServersState("Can't find backend.")).toBeUndefined();
  });

  test('leaves others their turn while it reads 30,000 servers', async () => {
    const text = [HEADER, ...Array.from({ length: 30_000 }, (_, n) => state(`b${n % 9_999}`, n, '10.0.0.1', 2, 0))];
    let over = false;
    const reading = parseServersState(text.join('\n')).finally(() => {
      over = true;
    });
    let turns = 0;
    while (!over) {
      await setImmediate();
      turns += 1;
    }
    const backends = await reading;
    expect(backends?.size).toBe(9_999);
    expect([...(backends?.values() ?? [])].flat()).toHaveLength(30_000);
    expect(turns).toBeGreaterThanOrEqual(119);
  });
});

describe('parseMap', () => {
  test('reads rows, the first of those with the same key', async () => {
    const rows = await parseMap('0x55d0 a.example web_80\n0x55d1 #b;c\\ web_81\n0x55d2 a.example web_82');
    expect(rows).toEqual(
      new Map([
        ['a.example', 'web_80'],
        ['#b;c\\', 'web_81'],
      ]),
    );
  });

  test('tells a map without rows from none', async () => {
    expect(await parseMap('')).toEqual(new Map());
    expect(await parseMap('Unknown map identifier. Please use #<id> or <file>.')).toBeUndefined();
  });

  test('leaves others their turn while it reads 10,000 rows', async () => {
    const text = Array.from({ length: 10_000 }, (_, n) => `0x55d${n} host-${n}.example web_${n}`).join('\n');
    expect(countRows(text)).toBe(10_000);
    let over = false;
    const reading = parseMap(text).finally(() => {
      over = true;
    });
    let turns = 0;
    while (!over) {
      await setImmediate();
      turns += 1;
    }
    expect((await reading)?.get('host-9999.example')).toBe('web_9999');
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});

describe('a row of get map', () => {
  const found = 'type=beg, case=sensitive, found=yes, idx=tree, key="h/a", value="x_1", type="str"\n';
  test.each([
    ['of that key', found, 'h/a', { value: 'x_1' }],
    ['of a shorter prefix is not the row that was asked for', found, 'h/a/b', 'none'],
    ['that is not there', 'type=str, case=sensitive, found=no', 'h', 'none'],
    ['of a map that is not there', 'Unknown map identifier. Please use #<id> or <file>.', 'h', 'none'],
    ['of another key is no answer', found, 'other', undefined],
    ['is not silence', '', 'h', undefined],
  ])('%s', (_, reply, key, value) => {
    expect(parseRow(reply.trim(), key)).toEqual(value);
  });
});
