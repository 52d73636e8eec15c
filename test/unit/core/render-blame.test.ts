import { expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { blame, blamedProfiles, ownerOf } from '../../../src/core/blame.ts';
import type { LineOwner } from '../../../src/core/config.ts';

const ofApp = (app: string) => ({ from: 'app', app: app as AppId }) as const;
const OWNERS: readonly LineOwner[] = [
  { from: 1, to: 9, section: 'global', origin: { from: 'default' } },
  { from: 10, to: 14, section: 'defaults P_http_roundrobin_0_none_2', origin: { from: 'default' } },
  { from: 15, to: 17, section: 'userlist user_c_1', origin: { from: 'label', app: '/c' as AppId, label: 'L' } },
  { from: 18, to: 20, section: 'frontend a_1_in', origin: ofApp('/a') },
  { from: 21, to: 21, section: 'frontend b_1_in', origin: ofApp('/b') },
  { from: 22, to: 30, section: 'backend a_1', origin: ofApp('/a') },
  { from: 31, to: 33, section: 'backend c_1', origin: ofApp('/c') },
];
const alert = (message: string, line?: number) =>
  ({ severity: 'alert', message, ...(line === undefined ? {} : { line }) }) as const;

test.each([
  [1, 'global'],
  [17, 'userlist user_c_1'],
  [21, 'frontend b_1_in'],
  [22, 'backend a_1'],
  [33, 'backend c_1'],
  [34, undefined],
  [0, undefined],
])('line %i belongs to %s', (line, section) => {
  expect(ownerOf(line, OWNERS)?.section).toBe(section);
});

// Messages as HAProxy 2.6.12, 3.0.11 and 3.2.26 print them.
test.each([
  ["[haproxy.cfg:24] : 'server a_1/s1' : 'id' : custom id 1 already used at haproxy.cfg:23 ('server s1').", 24, ['/a']],
  ["parsing [haproxy.cfg:16] : 'user' : unknown", 16, ['/c']],
  [
    "http frontend 'a_1_in' (haproxy.cfg:18) tries to use incompatible tcp backend 'c_1' (haproxy.cfg:31)",
    undefined,
    ['/a', '/c'],
  ],
  ["Proxy 'b_1_in': unable to find required default_backend: 'nope_1'.", undefined, ['/b']],
  ["'server c_1/s1' : unable to find required proxy 'foo' for tracking.", undefined, ['/c']],
  [
    "parsing [haproxy.cfg:12]: unable to find userlist 'x' referenced in arg 1 of ACL keyword 'http_auth' in proxy 'c_1'.",
    12,
    ['/c'],
  ],
  ["Proxy 'a_1_in': unable to find required use_backend: 'c_1'.", undefined, ['/a']],
  ["[haproxy.cfg:23] : 'server a_1/s2' : unable to find required server 'x' for tracking.", 23, ['/a']],
  ["userlist 'user_c_1': no such group 'g' specified in user 'ops'", undefined, ['/c']],
  ["Proxy 'c_1': unable to find stick-table 'nonexist'.", undefined, ['/c']],
  ["backend 'c_1' : unable to find server 'zz' referenced in a 'use-server' rule.", undefined, ['/c']],
  ["backend 'c_1', server 's1': unable to find required resolvers 'nores'", undefined, ['/c']],
  ["config: backend 'c_1': server 's1' has neither service port nor check port.", undefined, ['/c']],
  [
    "config: frontend 'a_1_in': unable to find the cache 'nocache' referenced by the filter 'cache'.",
    undefined,
    ['/a'],
  ],
  ["Proxy 'c_1': unable to find mailers 'x'.", undefined, ['/c']],
  [
    "Proxy 'a_1_in': unable to set SSL cipher list to 'c_1' for bind '127.0.0.1:25400' at [haproxy.cfg:19].",
    19,
    ['/a'],
  ],
  ["Proxy 'b_1_in': all SSL/TLS versions are disabled for bind '127.0.0.1:1' at [haproxy.cfg:21].", 21, ['/b']],
  ["Proxy 'b_1_in': no SSL certificate specified for bind '127.0.0.1:1' at [haproxy.cfg:21] (use 'crt').", 21, ['/b']],
  ["parsing [haproxy.cfg:24] : backend 'a_1', another server named 's1' was already defined at line 23.", 24, ['/a']],
  [
    'parsing [haproxy.cfg:31]: backend c_1 reuses same custom id as backend a_1 (declared at haproxy.cfg:22).',
    31,
    ['/c'],
  ],
  ['Binding [haproxy.cfg:19] for frontend a_1_in: this SSL library does not support the QUIC protocol.', 19, ['/a']],
  // Without a line that says whose it is, the name alone has to, quoted or not.
  ['Binding [haproxy.cfg:2] for frontend a_1_in: this SSL library does not support the QUIC protocol.', 2, ['/a']],
  ['backend c_1 has no server available!', undefined, ['/c']],
  ["error detected in backend 'c_1' while parsing 'http-request set-var(txn.x)' rule : x", undefined, ['/c']],
  ["error detected in proxy a_1 (haproxy.cfg:22) while parsing 'http-request' rule", undefined, ['/a']],
  ["Proxy 'a_1'.", undefined, ['/a']],
  ['no such thing in backend a_1.', undefined, ['/a']],
  // A name that is somebody's value is nobody's fault.
  ["unable to find required default_backend: 'c_1'.", undefined, []],
  ["'c_1' is not a valid address", undefined, []],
  ["'ca-file' : unable to load /nonexistent.", undefined, []],
  ["parsing [haproxy.cfg:2] : unknown keyword 'frob' in 'global' section", 2, []],
  ['Cannot allocate memory', undefined, []],
])('%s', (message, line, apps) => {
  expect([...blame([alert(message, line)], OWNERS)].sort()).toEqual(apps);
});

test('a warning blames nobody, and of several alerts each blames its own', () => {
  expect(blame([{ severity: 'warning', line: 24, message: 'x' }], OWNERS).size).toBe(0);
  expect([...blame([alert('x', 24), alert('y', 33), alert('z', 24)], OWNERS)]).toEqual(['/a', '/c']);
});

test('a profile whose argument an app asked for is told, any other is not', () => {
  const own = { from: 'label', app: '/a' as AppId, label: 'HAPROXY_0_BALANCE' } as const;
  const owners: readonly LineOwner[] = [
    { from: 1, to: 4, section: 'defaults base', origin: { from: 'default' } },
    { from: 5, to: 8, section: 'defaults P_http_hdr.x_0_none_2', origin: own },
    { from: 9, to: 9, section: 'backend a_1', origin: own },
  ];
  const said = [alert('in base', 2), alert('balance', 6), alert('elsewhere', 9), alert('nowhere')];
  expect([...blamedProfiles(said, owners)]).toEqual(['P_http_hdr.x_0_none_2']);
  expect(blamedProfiles([{ severity: 'warning', line: 6, message: 'x' }], owners).size).toBe(0);
});
