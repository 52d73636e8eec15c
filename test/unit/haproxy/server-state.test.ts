import { describe, expect, test } from 'vitest';
import { readServers } from '../../../src/haproxy/server-lines.ts';
import { parseLiveServers, sanitiseState } from '../../../src/haproxy/server-state.ts';

const HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';

interface RowValues {
  readonly op?: number;
  readonly admin?: number;
  readonly weight?: number;
  readonly check?: number;
  readonly port?: number;
  readonly tls?: number;
  readonly checkPort?: number;
  readonly address?: string;
}

/** A row of server `b/s1`, up and checked unless told otherwise. */
const row = (v: RowValues = {}): string =>
  `3 b 1 s1 ${v.address ?? '10.0.0.1'} ${v.op ?? 2} ${v.admin ?? 0} ${v.weight ?? 1} 1 8 6 3 4 ${v.check ?? 6} 0 0 0 - ${v.port ?? 31000} - ${v.tls ?? 0} ${v.checkPort ?? 0} - - 0`;
const answer = (...rows: readonly string[]): string => `1\n${HEADER}\n${rows.join('\n')}\n\n`;
const config = (server: string): string => `backend b\n  server s1 ${server}\n`;

describe('sanitiseState', () => {
  test('keeps what the checks found out about a server that did not change', () => {
    const text = answer(row({ op: 0 }));
    expect(sanitiseState(text, config('10.0.0.1:31000 check inter 2s'))).toBe(`1\n${HEADER}\n${row({ op: 0 })}\n`);
  });

  test('gives a server back the weight of its configuration', () => {
    expect(sanitiseState(answer(row({ weight: 77 })), config('10.0.0.1:31000 check'))).toBe(`1\n${HEADER}\n${row()}\n`);
  });

  const dropped: readonly (readonly [string, string, string])[] = [
    ['another port', row({ port: 31001 }), '10.0.0.1:31000 check'],
    ['another check port', row({ checkPort: 9 }), '10.0.0.1:31000 check port 10'],
    ['a check port that is gone', row({ checkPort: 9 }), '10.0.0.1:31000 check'],
    ['a check that is gone', row({ op: 0 }), '10.0.0.1:31000'],
    ['a check that is new', row({ check: 0 }), '10.0.0.1:31000 check'],
    ['TLS that is new', row(), '10.0.0.1:31000 check ssl verify none'],
    ['maintenance by hand', row({ op: 0, admin: 1 }), '10.0.0.1:31000 check'],
    ['a drain by hand', row({ admin: 8 }), '10.0.0.1:31000 check'],
    ['maintenance by configuration', row({ op: 0, admin: 5 }), '10.0.0.1:31000 check disabled'],
  ];
  test.each(dropped)('drops %s', (_what, text, server) => {
    expect(sanitiseState(answer(text), config(server))).toBe('1\n');
  });

  test('drops servers and backends that are gone', () => {
    expect(sanitiseState(answer(row()), 'backend b\n  server s2 10.0.0.1:31000 check\n')).toBe('1\n');
    expect(sanitiseState(answer(row()), 'backend c\n  server s1 10.0.0.1:31000 check\n')).toBe('1\n');
    expect(sanitiseState('Permission denied\n', config('10.0.0.1:31000 check'))).toBe('1\n');
  });
});

describe('readServers', () => {
  test('follows default-server through its section and the defaults it comes from', () => {
    const servers = readServers(`
global
  maxconn 10
defaults base
  default-server check
defaults other from base
  default-server port 99
backend a from other
  server plain 10.0.0.1:1
  server own 10.0.0.1:2 no-check port 3 # ssl
backend b from base
  default-server ssl verify none
  server six [2001:db8::1]:4 no-ssl disabled
frontend f from base
  bind :80
listen l from base
  server "in quotes" 10.0.0.1:5
`);
    expect(Object.fromEntries(servers)).toEqual({
      'a plain': { port: 1, check: true, checkPort: 99, tls: false, disabled: false },
      'a own': { port: 2, check: false, checkPort: 3, tls: false, disabled: false },
      'b six': { port: 4, check: true, checkPort: 0, tls: false, disabled: true },
      'l in quotes': { port: 5, check: true, checkPort: 0, tls: false, disabled: false },
    });
  });

  test('lets a section that names no defaults come from the latest ones', () => {
    const servers = readServers(
      'defaults\n default-server check\nbackend a\n server s 1.1.1.1:1\ndefaults x\nbackend b\n server s 1.1.1.1:1\n',
    );
    expect(servers.get('a s')?.check).toBe(true);
    expect(servers.get('b s')?.check).toBe(false);
  });
});

describe('parseLiveServers', () => {
  const cases: readonly (readonly [RowValues, string])[] = [
    [{ op: 2 }, 'up'],
    [{ op: 1 }, 'up'],
    [{ op: 0 }, 'down'],
    [{ op: 3 }, 'drain'],
    [{ op: 2, admin: 8 }, 'drain'],
    [{ op: 0, admin: 1 }, 'maint'],
    [{ op: 0, admin: 5 }, 'maint'],
    [{ op: 0, admin: 0x20 }, 'maint'],
  ];
  test.each(cases)('%j is %s', (values, state) => {
    expect(parseLiveServers(answer(row({ ...values, address: '2001:db8::1' })))).toEqual([
      { backend: 'b', server: 's1', address: '2001:db8::1', port: 31000, state },
    ]);
  });
});
