import { expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { blame, ownerOf } from '../../../src/core/blame.ts';
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
  ["parsing [haproxy.cfg:2] : unknown keyword 'frob' in 'global' section", 2, []],
  ['Cannot allocate memory', undefined, []],
])('%s', (message, line, apps) => {
  expect([...blame([alert(message, line)], OWNERS)].sort()).toEqual(apps);
});

test('a warning blames nobody, and of several alerts each blames its own', () => {
  expect(blame([{ severity: 'warning', line: 24, message: 'x' }], OWNERS).size).toBe(0);
  expect([...blame([alert('x', 24), alert('y', 33), alert('z', 24)], OWNERS)]).toEqual(['/a', '/c']);
});
